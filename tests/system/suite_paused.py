# SPDX-License-Identifier: Apache-2.0
"""Containers whose cgroup somebody has frozen: what is asked of them is answered, and nobody else waits."""
import os
import time

from harness import check, equal, refused, test, wait_until
from pods import EXITED
from suite_containers import main_pid


class Freezer:
    """Of a container, through whichever hierarchy the host has for that."""

    def __init__(self, container):
        with open(f"/proc/{main_pid(container)}/cgroup") as file:
            groups = dict(line.rstrip("\n").split(":")[1:] for line in file)
        unified = "/sys/fs/cgroup/unified" if os.path.exists("/sys/fs/cgroup/unified") else "/sys/fs/cgroup"
        self.leaves = unified + groups[""]
        self.v1 = "freezer" in groups
        self.group = "/sys/fs/cgroup/freezer" + groups["freezer"] if self.v1 else self.leaves

    def write(self, on):
        name, text = ("freezer.state", "FROZEN" if on else "THAWED") if self.v1 else ("cgroup.freeze", str(int(on)))
        with open(f"{self.group}/{name}", "w") as file:
            file.write(text)

    def __enter__(self):
        self.write(True)
        name, text = ("freezer.state", "FROZEN") if self.v1 else ("cgroup.events", "frozen 1")

        def frozen():
            with open(f"{self.group}/{name}") as file:
                return text in file.read()
        wait_until(frozen, what="the freeze")
        return self

    def __exit__(self, *_):
        if os.path.exists(self.group):
            self.write(False)


@test("a command in a paused container is refused by name at once, its neighbours are served, and afterwards it runs")
def _(node):
    with node.run_pod() as pod:
        paused, other = pod.start(["sleep", "1000"]), pod.start(["sleep", "1000"])
        with Freezer(paused) as freezer:
            begun = time.monotonic()
            refused("FAILED_PRECONDITION", ["paused", paused.id], paused.exec, "true", timeout=5)
            equal(other.exec("echo", "served").out, "served\n")
            other.stop(0)
            equal(other.status()["state"], EXITED)
            check(time.monotonic() - begun < 4, "something waited for the frozen container")
        equal(paused.exec("echo", "thawed").out, "thawed\n")
        equal([name for name in os.listdir(freezer.leaves) if name.startswith("exec-")], [])


@test("commands that a freeze overtakes end by their timeout, neighbours are served meanwhile, and nothing is left")
def _(node):
    with node.run_pod() as pod:
        paused, other = pod.start(["sleep", "1000"]), pod.start(["sleep", "1000"])
        freezer, ends = Freezer(paused), []
        request = {"container_id": paused.id, "cmd": ["touch", "/ran"], "timeout": 1}
        for delay in (0.002, 0.004, 0.008):
            calls = [node.cri.start("ExecSync", request) for _ in range(8)]
            time.sleep(delay)
            with freezer:
                for _ in range(5):
                    begun = time.monotonic()
                    equal(other.exec("echo", "served").out, "served\n")
                    check(time.monotonic() - begun < 2, "a neighbour's command waited for the frozen container")
                time.sleep(1.5)
            ends += [call.exception(40) for call in calls]
        codes = {error.code for error in ends if error is not None}
        check(codes <= {"FAILED_PRECONDITION", "DEADLINE_EXCEEDED"}, [str(error) for error in ends])
        wait_until(lambda: not [name for name in os.listdir(freezer.leaves) if name.startswith("exec-")], 20, "no leaves")
        equal(paused.exec("echo", "thawed").out, "thawed\n")


@test("a paused container is stopped")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"])
        with Freezer(container):
            container.stop(1)
            check(container.wait() in (137, 143), "neither of the two signals ended it")
