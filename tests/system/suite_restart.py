# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the daemon, and what the next one knows."""
import os
import signal
import time

import leftovers
from harness import check, contains, equal, test, wait_until
from pods import EXITED, RUNNING

COUNT = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done"


def numbered(text):
    lines = text.splitlines()
    equal(lines, [f"line {number}" for number in range(1, len(lines) + 1)], "the log")
    return len(lines)


@test("kill -9: containers run on, no log line is lost, and everything is as before")
def _(node):
    with node.run_pod() as pod:
        writer = pod.start(["sh", "-c", COUNT])
        ending = pod.start(["sh", "-c", "sleep 1.5; exit 42"])
        created = pod.create(["sh", "-c", "echo late; exit 6"])
        wait_until(lambda: "line 20\n" in writer.output(), what="20 lines")
        before, address = writer.status(), pod.ip()
        node.kill()
        lines = numbered(writer.output())
        time.sleep(2)
        check(numbered(writer.output()) > lines + 50, "the container stood still without the daemon")
        node.start()
        after = writer.status()
        equal({key: value for key, value in after.items() if after[key] != before.get(key)}, {}, "what changed in the status")
        equal((pod.ip(), pod.status()["state"]), (address, "SANDBOX_READY"))
        ended = ending.status()
        equal((ended["state"], ended["exit_code"], ended["reason"]), (EXITED, 42, "Error"))
        check(int(ended["finished_at"]) - int(ended["started_at"]) < 1.95e9, "finished_at is when it ended, not when that was seen")
        equal(writer.exec("echo", "in").out, "in\n")
        created.start()
        equal(created.wait(), 6)
        equal(created.output(), "late\n")
        writer.stop(1)
        numbered(writer.output())


@test("kill -9 while a StopContainer waits: the next daemon stops it")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"])
        wait_until(lambda: "ready" in container.output(), what="a ready container")
        node.cri.start("StopContainer", {"container_id": container.id, "timeout": 60})
        time.sleep(0.3)
        node.restart()
        equal(container.status()["state"], RUNNING)
        container.stop(0)
        equal(container.status()["exit_code"], 137)


@test("SIGTERM ends the daemon, removes its socket and leaves the pods alone")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"])
        path = node.socket[len("unix://"):]
        equal(oct(os.stat(path).st_mode & 0o777), "0o660", "the socket's mode")
        node.kill(signal.SIGTERM)
        check(not os.path.exists(path), "the socket is still there")
        node.start()
        equal(container.status()["state"], RUNNING)


@test("a shim that is killed makes its pod NotReady with a reason, and leaves nothing")
def _(node):
    before = node.leftovers()
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"])
        shims = [entry for entry in node.leftovers() - before if entry.startswith("process") and "shim" in leftovers.describe(entry)]
        equal(len(shims), 1, f"shims in {node.leftovers() - before}")
        os.kill(int(shims[0].split()[1]), signal.SIGKILL)
        wait_until(lambda: pod.status()["state"] == "SANDBOX_NOTREADY", what="NotReady")
        wait_until(lambda: container.status()["state"] != RUNNING, what="ended container")
    node.expect_nothing_left(before)


@test("a damaged record is put aside, and the other pods stay")
def _(node):
    with node.run_pod() as good:
        container = good.start(["sleep", "1000"])
        node.kill()
        broken = node.root + "/pods/" + "b" * 64
        os.makedirs(broken)
        with open(broken + "/record.json", "w") as file:
            file.write("{ torn")
        node.start()
        equal([item["id"] for item in node.cri.ListPodSandbox()["items"]], [good.id])
        equal(container.status()["state"], RUNNING)
        quarantine = node.root + "/quarantine"
        for directory in [node.root + "/pods/" + "b" * 64, quarantine]:
            if os.path.isdir(directory):
                node.run("rm", "-rf", directory)


@test("ten restarts in a row change nothing")
def _(node):
    with node.run_pod() as pod:
        writer = pod.start(["sh", "-c", COUNT])
        for _ in range(10):
            node.restart()
            equal(writer.status()["state"], RUNNING)
        writer.stop(0)
        numbered(writer.output())


@test("the socket answers soon after the start")
def _(node):
    import time as clock
    with node.run_pod() as pod:
        pod.start(["sleep", "1000"])
        node.kill()
        began = clock.monotonic()
        node.start()
        check(clock.monotonic() - began < 5, "five seconds to the first answer")
