# SPDX-License-Identifier: Apache-2.0
"""SELinux labels of processes and of new mounts: needs a kernel that has it, and a policy (./dev node --selinux).
The node boots permissive, which shows who bears which label; one test makes the policy's word count."""
import contextlib
import json
import os

from harness import check, contains, equal, needs, refused, test, wait_until, write
from oci import runtime

# Debian's policy has no types for containers.
PROCESS = "system_u:system_r:initrc_t:s0:c12,c345"
FILES = "system_u:object_r:tmp_t:s0:c12,c345"


def labelled(config):
    config["process"]["selinuxLabel"] = PROCESS
    config["linux"]["mountLabel"] = FILES


@test("a container's process and its execs bear the label that they are given")
@needs("selinux")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sh", "-c", "cat /proc/self/attr/current; exec sleep 1000", change=labelled)
        bundle.create()
        bundle.start()
        own = bundle.exec("cat", "/proc/self/attr/current").strip("\0\n")
        equal((bundle.out().strip("\0\n"), own), (PROCESS, PROCESS))
        other = PROCESS.replace("c12,c345", "c1")
        process = {**bundle.config["process"], "selinuxLabel": other, "args": ["cat", "/proc/self/attr/current"]}
        write(bundle.dir + "/process.json", json.dumps(process))
        equal(oci.call("exec", "--process", bundle.dir + "/process.json", bundle.id).strip("\0\n"), other)


@test("new file systems of a container bear the mount label, others the policy's")
@needs("selinux")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sh", "-c", "mkdir /dev/shm/dir; echo >/dev/shm/dir/file; echo made; exec sleep 1000", change=labelled)
        bundle.create()
        bundle.start()
        wait_until(lambda: bundle.out() == "made\n", what="files")
        root = f"/proc/{oci.state(bundle.id)['pid']}/root"

        def label(path):
            return os.getxattr(root + path, "security.selinux").decode().strip("\0")
        for path in ("/dev", "/dev/null", "/dev/pts", "/dev/shm/dir", "/dev/shm/dir/file"):
            equal(label(path), FILES, f"the label of {path}")
        for path in ("/proc/1/status", "/sys/kernel", "/bin", "/dev/mqueue"):
            check(label(path) != FILES, f"{path} bears the label of new mounts")


@test("a label that the policy does not know is refused by name, and nothing is left")
@needs("selinux")
def _(_node):
    def wrong(field, label):
        def change(config):
            labelled(config)
            config[field[0]][field[1]] = label
        return change
    with runtime() as oci:
        for field in (("process", "selinuxLabel"), ("linux", "mountLabel")):
            for label in ("system_u:system_r:nobody_knows_t:s0", "no label", PROCESS + ",c9999"):
                bundle = oci.bundle("true", change=wrong(field, label))
                oci.refused([label], "run", "--bundle", bundle.dir, bundle.id)


@contextlib.contextmanager
def enforcing():
    def switch(value):
        with open("/sys/fs/selinux/enforce", "w") as file:
            file.write(value)
    switch("1")
    try:
        yield
    finally:
        switch("0")


@test("under an enforcing policy new file systems bear their label, and a program that it forbids is refused by name")
@needs("selinux")
def _(_node):
    # The node's root has no labels, so that all of it is in the kernel's own domain; Debian's policy lets that
    # one enter no other by a program without a label, and nobody who may gain no privileges.
    plain = FILES.removesuffix(":c12,c345")

    def mounts_alone(config):
        config["linux"]["mountLabel"] = plain
    with runtime() as oci, enforcing():
        bundle = oci.bundle("sh", "-c", "echo >/dev/shm/file; echo made; exec sleep 1000", change=mounts_alone)
        bundle.create()
        bundle.start()
        wait_until(lambda: bundle.out() == "made\n", what="a file")
        root = f"/proc/{oci.state(bundle.id)['pid']}/root"
        equal(os.getxattr(root + "/dev/shm/file", "security.selinux").decode().strip("\0"), plain)
        process = {**bundle.config["process"], "selinuxLabel": PROCESS, "args": ["true"]}
        write(bundle.dir + "/process.json", json.dumps(process))
        oci.refused(["run true: Operation not permitted"], "exec", "--process", bundle.dir + "/process.json", bundle.id, status=255)
        for no_new_privileges, word in ((True, "Operation not permitted"), (False, "Permission denied")):
            def change(config, value=no_new_privileges):
                labelled(config)
                config["process"]["noNewPrivileges"] = value
            forbidden = oci.bundle("true", change=change)
            oci.refused([f"run true: {word}"], "run", "--bundle", forbidden.dir, forbidden.id)


@test("the daemon says that SELinux is enabled, and refuses the options that it cannot honour")
@needs("selinux")
def _(node):
    equal(json.loads(node.cri.Status(verbose=True)["info"]["info"])["selinux"], "enabled")
    contains(node.ctl("check", check_status=False), "SELinux: permissive")
    with node.run_pod(linux={"security_context": {"namespace_options": {"network": "NODE"}}}) as pod:
        refused("UNIMPLEMENTED", ["selinux_options"], pod.create, ["true"],
                linux={"security_context": {"selinux_options": {"type": "container_t"}}})
