# SPDX-License-Identifier: Apache-2.0
"""A store on file systems with project quotas: nothing of ours sets one, and nothing of ours minds one."""
import contextlib
import os
import subprocess

from harness import BASE, Node, Skip, check, contains, equal, needs, test

HOST = {"security_context": {"namespace_options": {"network": "NODE"}}}
LIMIT = 24 << 20


@contextlib.contextmanager
def volume(make, mount_as):
    """A new file system of 400 MB with project quotas."""
    image, place = f"{BASE}/quota.img", f"{BASE}/quota"
    os.makedirs(place, exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(400 << 20)
    subprocess.run(["modprobe", "-aq", "loop", "quota_v2"])  # where they are modules
    try:
        subprocess.run([*make, image], check=True, capture_output=True)
        mounted = subprocess.run(["mount", "-o", "loop,prjquota", "-t", mount_as, image, place], capture_output=True, text=True)
        if mounted.returncode:
            raise Skip(f"this kernel has no quotas on {mount_as}: {mounted.stderr.strip()}")
        yield place
    finally:
        subprocess.run(["umount", place], capture_output=True)
        os.remove(image)


def limit(place, directory, mount_as):
    """All below `directory` is project 7, which may have LIMIT bytes."""
    if mount_as == "xfs":
        for command in (f"project -s -p {directory} 7", f"limit -p bhard={LIMIT} 7"):
            subprocess.run(["xfs_quota", "-x", "-c", command, place], check=True, capture_output=True)
        return
    subprocess.run(["chattr", "-R", "-p", "7", "+P", directory], check=True, capture_output=True)
    subprocess.run(["setquota", "-P", "7", "0", str(LIMIT >> 10), "0", "0", place], check=True, capture_output=True)


def lives_with_quotas(make, mount_as):
    with volume(make, mount_as) as place:
        node = Node("quota-" + mount_as)
        node.use_root(place + "/root")
        try:
            node.start()
            node.pull()
            with node.run_pod(linux=HOST) as pod:
                equal(pod.sh("ls /bin/busybox; echo text >/file; cat /file"), "/bin/busybox\ntext\n")
            limit(place, node.root + "/snapshots", mount_as)
            with node.run_pod(linux=HOST) as pod:
                container = pod.start(["sleep", "1000"])
                over = container.exec("dd", "if=/dev/zero", "of=/file", "bs=1M", "count=40")
                check(over.code != 0, "40 MiB were written under a quota of 24")
                contains(over.err, "dd: error writing '/file'")
                equal(container.exec("sh", "-c", "rm /file; echo text >/file; cat /file").out, "text\n")
            check(node.process.poll() is None, "the daemon has ended")
        finally:
            node.stop()
            subprocess.run(["umount", "-R", "-l", node.root], capture_output=True)


@test("xfs with project quotas: images unpack, and a container over the quota is told so")
@needs("quota")
def _(_node):
    lives_with_quotas(["mkfs.xfs", "-q"], "xfs")


@test("ext4 with project quotas: images unpack, and a container over the quota is told so")
@needs("quota")
def _(_node):
    lives_with_quotas(["mkfs.ext4", "-q", "-O", "quota,project", "-E", "quotatype=prjquota"], "ext4")
