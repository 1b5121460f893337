# SPDX-License-Identifier: Apache-2.0
"""The systemd cgroup driver, beside a real systemd: on the machine itself, since systemd knows processes by
their numbers there. Runs in the virtual node (./dev node) and on any host with systemd and cgroup v2 alone."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import time

from harness import BUILD, SOURCE, Node, check, equal, outside, refused, wait_until, write
from systemd import CGROUPS, need_systemd, show

SLICE = "berthtest.slice"


class SystemdNode(Node):
    """A daemon on the machine itself: host network, an image from an archive, no registry."""

    def __init__(self, directory):
        self.name, self.dir, self.image, self.parent = "systemd", directory, "docker.io/library/busybox:1", SLICE
        self.root, self.state = directory + "/root", directory + "/state"
        self.log, self.pod_logs, self.cni_conf = directory + "/berthd.log", directory + "/logs", directory + "/net.d"
        self.socket = f"unix://{directory}/berth.sock"
        self.program, self.process, self.cri, self._pods = BUILD + "/bin/berthd", None, None, 0
        for path in (self.root, self.state, self.cni_conf, self.pod_logs):
            os.makedirs(path)
        write(directory + "/berth.toml", "")

    def command(self):
        return [self.program, "--config", self.dir + "/berth.toml", "--root", self.root, "--state", self.state,
                "--listen", self.socket, "--cni-conf-dir", self.cni_conf, "--cgroup-driver", "systemd",
                "--cgroup-parent", SLICE, "--pid1", BUILD + "/bin/berth-pid1", "--unpack", BUILD + "/bin/berth-unpack"]

    def run_pod(self, name=None, runtime_handler="", **more):
        options = {"namespace_options": {"network": "NODE"}}
        more["linux"] = {"security_context": options, **more.get("linux", {})}
        return super().run_pod(name, runtime_handler, **more)


@contextlib.contextmanager
def node():
    need_systemd()
    directory = tempfile.mkdtemp(prefix="berth-systemd.", dir="/run")
    subject = SystemdNode(directory)
    archive = directory + "/busybox.tar"
    try:
        subprocess.run(["python3", SOURCE + "/tests/support/push_image.py", "--busybox", "--name", "library/busybox", "--tag", "1",
                        "--cmd", '["sh"]', "--env", "PATH=/bin:/usr/bin", "--out-oci-archive", archive], check=True, capture_output=True)
        subject.start()
        images = subject.ctl("image", "import", archive)
        check(images, "nothing was imported")
        subject.image = subject.cri.ListImages()["images"][0]["id"]
        yield subject
    finally:
        with contextlib.suppress(Exception):
            subject.remove_pods()
        subject.stop()
        subprocess.run(["systemctl", "stop", SLICE], capture_output=True)
        subprocess.run(["umount", "-R", "-l", directory], capture_output=True)
        shutil.rmtree(directory, ignore_errors=True)


def units():
    done = subprocess.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "berth*"], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in done.stdout.splitlines()]


def scope_of(container):
    return f"berth-{container.id}.scope"


def cgroup_of(pid):
    with open(f"/proc/{pid}/cgroup") as file:
        return file.read().strip().split("::", 1)[1]


def file_of(container, name):
    place = show(scope_of(container), "ControlGroup")["ControlGroup"]
    with open(f"{CGROUPS}{place}/{name}") as file:
        return file.read().strip()


LIMITS = {"memory_limit_in_bytes": 64 << 20, "cpu_quota": 25500, "cpu_period": 100000, "cpu_shares": 2048}


@outside("a container is a delegated scope with its limits, exact in the kernel, and goes without a trace")
def _():
    with node() as daemon:
        equal(daemon.cri.RuntimeConfig()["linux"]["cgroup_driver"], "SYSTEMD")
        with daemon.run_pod() as pod:
            container = pod.start(["sleep", "1000"], linux={"resources": LIMITS})
            found = show(scope_of(container), "Slice", "Delegate", "MemoryMax", "CPUWeight", "CPUQuotaPerSecUSec",
                         "CollectMode", "ActiveState", "DefaultDependencies", "ControlGroup")
            pod_slice = f"berthtest-pod{pod.id}.slice"
            equal(found, {"Slice": pod_slice, "Delegate": "yes", "MemoryMax": str(64 << 20), "CPUWeight": "174",
                          "CPUQuotaPerSecUSec": "260ms", "CollectMode": "inactive-or-failed", "ActiveState": "active",
                          "DefaultDependencies": "no",
                          "ControlGroup": f"/{SLICE}/{pod_slice}/{scope_of(container)}"}, "the scope")
            equal(file_of(container, "cpu.max"), "25500 100000", "cpu.max")
            equal(file_of(container, "memory.max"), str(64 << 20))
            equal(file_of(container, "memory.swap.max"), "0")
            # The process that held the scope has gone; what is in it is the container.
            equal(len(file_of(container, "cgroup.procs").split()), 1, "processes in the scope")
            equal(container.exec("echo", "in").out, "in\n")
            daemon.cri.UpdateContainerResources(container_id=container.id, linux={"memory_limit_in_bytes": 32 << 20})
            equal((show(scope_of(container), "MemoryMax")["MemoryMax"], file_of(container, "memory.max")), (str(32 << 20),) * 2)
            subprocess.run(["systemctl", "daemon-reload"], check=True)
            # systemd writes what it knows again: the same limits, the quota in whole percents.
            equal((file_of(container, "memory.max"), file_of(container, "cpu.max")), (str(32 << 20), "26000 100000"))
            equal(container.exec("sh", "-c", "head -c1 </dev/null; head -c1 </dev/kmsg").code != 0, True, "devices after a reload")
            container.stop(0)
            wait_until(lambda: scope_of(container) not in units(), what="the end of the scope")
        wait_until(lambda: units() in ([], [SLICE], ["berthtest-shims.scope", SLICE]), what=f"an empty slice: {units()}")


@outside("a kubelet's slice is the parent, and what is no slice is refused")
def _():
    with node() as daemon:
        name = "berthtest-burstable-pod1.slice"
        for parent in (name, f"/{SLICE}/berthtest-burstable.slice/{name}"):
            with daemon.run_pod(linux={"cgroup_parent": parent}) as pod:
                container = pod.start(["sleep", "1000"])
                equal(show(scope_of(container), "Slice")["Slice"], name)
        for parent in ("/kubepods/x", "/other.slice/" + name):
            refused("INVALID_ARGUMENT", ["cgroup_parent", "slice"], daemon.run_pod, linux={"cgroup_parent": parent})


@outside("scopes, shims and their containers outlive the daemon, and the next one goes on with them")
def _():
    with node() as daemon:
        with daemon.run_pod() as pod:
            container = pod.start(["sleep", "1000"])
            created = pod.create(["sh", "-c", "exit 7"])
            daemon.restart()
            equal(container.exec("echo", "in").out, "in\n")
            created.start()
            equal(created.wait(), 7)
            again = pod.start(["sleep", "1000"])
            equal(show(scope_of(again), "ActiveState")["ActiveState"], "active")


@outside("systemd's own restart is survived: the next call finds it again")
def _():
    with node() as daemon:
        with daemon.run_pod() as pod:
            container = pod.start(["sleep", "1000"])
            subprocess.run(["systemctl", "daemon-reexec"], check=True)
            equal(container.exec("echo", "in").out, "in\n")

            def starts():
                with contextlib.suppress(Exception):
                    return pod.start(["sleep", "1000"])
            wait_until(starts, 30, "a container after systemd's restart")


@outside("a start with systemd's driver stays quick")
def _():
    with node() as daemon, daemon.run_pod() as pod:
        pod.output(["true"])
        began = time.monotonic()
        for _ in range(10):
            pod.output(["true"])
        took = (time.monotonic() - began) / 10
        print(f"#   {took * 1000:.1f} ms for a container, created to removed")
        check(took < 2, f"{took:.2f} s for a container")
