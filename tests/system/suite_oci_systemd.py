# SPDX-License-Identifier: Apache-2.0
"""berth-oci with the systemd cgroup driver, beside a real systemd: on the machine itself, as suite_systemd."""
import contextlib
import json
import os
import shutil
import subprocess

import oci
from harness import check, equal, outside, wait_until
from systemd import need_systemd, show

SLICE = "berthoci.slice"
LIMITS = {"memory": {"limit": 64 << 20}, "cpu": {"quota": 25500, "period": 100000}, "pids": {"limit": 40}}


@contextlib.contextmanager
def runtime(*flags):
    need_systemd()
    try:
        with oci.runtime(*flags, parent="/" + SLICE) as made:
            yield made
    finally:
        subprocess.run(["systemctl", "stop", SLICE], capture_output=True)
        shutil.rmtree(oci.DIRECTORY, ignore_errors=True)


def container(made, *args, path=SLICE + ":berth:{}", **resources):
    def change(config):
        config["linux"]["resources"].update(resources)
    bundle = made.bundle(*args, change=change)
    bundle.config["linux"]["cgroupsPath"] = path.format(bundle.id)
    bundle.write()
    return bundle


def scope(bundle, prefix="berth"):
    return f"{prefix}-{bundle.id}.scope"


def file_of(bundle, name):
    with open(f"/sys/fs/cgroup/{SLICE}/{scope(bundle)}/{name}") as file:
        return file.read().strip()


def expect_gone(bundle):
    """To be asked for keeps a unit loaded: whether it is depends on how often that happens."""
    def state():
        found = show(scope(bundle), "ActiveState", "ControlGroup")
        return found["ActiveState"], found.get("ControlGroup", "")
    wait_until(lambda: state() == ("inactive", ""), what="the end of the scope")


@outside("a container is a scope of its slice with its limits, and no verb after create needs to be told")
def _():
    with runtime() as made:
        box = container(made, "sleep", "1000", **LIMITS)
        made.flags = ["--systemd-cgroup"]
        box.create()
        made.flags = []
        found = show(scope(box), "Slice", "Delegate", "MemoryMax", "TasksMax", "CPUQuotaPerSecUSec", "ActiveState")
        equal(found, {"Slice": SLICE, "Delegate": "yes", "MemoryMax": str(64 << 20), "TasksMax": "40",
                      "CPUQuotaPerSecUSec": "260ms", "ActiveState": "active"}, "the scope")
        equal((file_of(box, "cpu.max"), file_of(box, "memory.max")), ("25500 100000", str(64 << 20)))
        equal(file_of(box, "cgroup.procs"), str(made.state(box.id)["pid"]), "what is in the scope")
        box.start()
        equal(box.exec("echo", "in"), "in\n")
        equal(len(json.loads(made.call("ps", "--format", "json", box.id))), 1)
        made.call("pause", box.id)
        equal((made.status(box.id), file_of(box, "cgroup.freeze")), ("paused", "1"))
        made.call("resume", box.id)
        made.call("update", "--memory", str(32 << 20), box.id)
        equal((show(scope(box), "MemoryMax")["MemoryMax"], file_of(box, "memory.max")), (str(32 << 20),) * 2)
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        equal(file_of(box, "memory.max"), str(32 << 20), "the limit after a reload")
        check("memory" in made.call("events", "--stats", box.id))
        made.call("kill", box.id, "KILL")
        made.wait_stopped(box.id)
        made.call("delete", box.id)
        expect_gone(box)


@outside("run with --cgroup-manager systemd, in the default slice, leaves no unit")
def _():
    with runtime("--cgroup-manager", "systemd") as made:
        box = container(made, "sh", "-c", "cat /proc/self/cgroup; exit 4", path="")
        equal(box.run(status=4), "0::/\n")
        expect_gone(box)
        box = container(made, "cat", "/proc/self/cgroup", path="")
        box.config["linux"]["namespaces"] = [one for one in box.config["linux"]["namespaces"] if one["type"] != "cgroup"]
        box.write()
        equal(box.run(), f"0::/system.slice/{scope(box)}\n")


@outside("one process is a limit that a container in a scope can have")
def _():
    with runtime("--systemd-cgroup") as made:
        equal(container(made, "echo", "alone", pids={"limit": 1}).run(), "alone\n")


@outside("a start that fails leaves no scope; a name that is no unit's is refused")
def _():
    with runtime("--systemd-cgroup") as made:
        box = container(made, "/no/such/program")
        made.refused(["/no/such/program"], "run", "-b", box.dir, box.id)
        expect_gone(box)
        made.refused(["linux.cgroupsPath", "slice:prefix:name"], "run", "-b", container(made, "true", path="/a/b").dir, "x")
        made.refused(["is not the name of a systemd slice"], "run", "-b", container(made, "true", path="a.service:b:c").dir, "x")
        equal(os.listdir(made.root), [])


@outside("update and delete of a container whose systemd was started again go on")
def _():
    with runtime("--systemd-cgroup") as made:
        box = container(made, "sleep", "1000")
        box.create()
        box.start()
        subprocess.run(["systemctl", "daemon-reexec"], check=True)
        made.call("update", "--pids-limit", "33", box.id)
        equal(file_of(box, "pids.max"), "33")
        made.call("delete", "--force", box.id)
        expect_gone(box)


@outside("a container that has given controllers to groups below its own takes a command where its init is")
def _():
    script = "cd /sys/fs/cgroup && mkdir init && echo 1 >init/cgroup.procs && echo +pids >cgroup.subtree_control && exec sleep 1000"
    for flags in ((), ("--systemd-cgroup",)):
        with runtime(*flags) as made:
            box = container(made, "sh", "-c", script) if flags else made.bundle("sh", "-c", script)
            mount, = [one for one in box.config["mounts"] if one["type"] == "cgroup"]
            mount["options"] = ["rw"]
            box.write()
            box.create()
            box.start()
            # Not by a command: while that is in the container's own group, nothing can be given away.
            comm = f"/proc/{made.state(box.id)['pid']}/comm"
            wait_until(lambda: open(comm).read() == "sleep\n", what="the groups")
            equal(box.exec("cat", "/proc/self/cgroup"), "0::/init\n")
            box.delete()
