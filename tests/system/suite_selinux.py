# SPDX-License-Identifier: Apache-2.0
"""SELinux labels of processes and of new mounts: needs a kernel that has it, and a policy (./dev node --selinux).
The policy is permissive there: what is tested is who bears which label."""
import json

from harness import check, contains, equal, needs, refused, test
from oci import runtime

PROCESS = "system_u:system_r:container_t:s0:c12,c345"
FILES = "system_u:object_r:container_file_t:s0:c12,c345"


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
        equal(oci.call("exec", "--process-label", other, bundle.id, "cat", "/proc/1/attr/current", "/proc/self/attr/current")
              .replace("\n", "").strip("\0").split("\0"), [PROCESS, other])


@test("new file systems of a container bear the mount label, others the policy's")
@needs("selinux")
def _(_node):
    with runtime() as oci:
        script = "echo >/dev/shm/file; mkdir /dev/shm/dir; cat /proc/self/mountinfo; ls -dZ /dev /dev/null /dev/pts /dev/shm/* /proc /bin"
        text = oci.bundle("sh", "-c", script, change=labelled).run()
        labels = dict(reversed(line.split()) for line in text.splitlines() if line.startswith("system_u:"))
        for path in ("/dev", "/dev/null", "/dev/pts", "/dev/shm/file", "/dev/shm/dir"):
            equal(labels.get(path), FILES, f"the label of {path} in {text!r}")
        check(labels.get("/proc") != FILES and labels.get("/bin") != FILES, f"{labels}")


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


@test("the daemon says that SELinux is enabled, and refuses the options that it cannot honour")
@needs("selinux")
def _(node):
    equal(json.loads(node.cri.Status(verbose=True)["info"]["info"])["selinux"], "enabled")
    contains(node.ctl("check", check_status=False), "SELinux: permissive")
    with node.run_pod(linux={"security_context": {"namespace_options": {"network": "NODE"}}}) as pod:
        refused("UNIMPLEMENTED", ["selinux_options"], pod.create, ["true"],
                linux={"security_context": {"selinux_options": {"type": "container_t"}}})
