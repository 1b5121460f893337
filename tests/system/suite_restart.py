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
        shims = [entry for entry in node.leftovers() - before if entry.startswith("process") and "berth-shim" in leftovers.describe(entry)]
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
        wait_until(lambda: leftovers.names(quarantine), what="the record in quarantine")
        check(not os.path.exists(broken), "the record is still in its place")
        node.run("rm", "-rf", quarantine)


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


def torn(node, path, text="{ torn"):
    with open(f"{node.root}/{path}", "w") as file:
        file.write(text)


@test("a status that cannot be read, also of a later version, ends nothing that runs")
def _(node):
    for text in ("", "{ torn", '{"schema":99}'):
        with node.run_pod() as pod:
            writer = pod.start(["sh", "-c", COUNT])
            created = pod.create(["sh", "-c", "echo late"])
            ending = pod.start(["sh", "-c", "sleep 0.5; exit 7"])
            address = pod.ip()
            node.kill()
            time.sleep(0.7)
            torn(node, f"pods/{pod.id}/status.json", text)
            for container in (writer, created, ending):
                torn(node, f"containers/{container.id}/status.json", text)
            node.start()
            equal((pod.ip(), pod.status()["state"]), (address, "SANDBOX_READY"))
            equal(writer.status()["state"], RUNNING)
            ended = ending.status()
            equal((ended["state"], ended["exit_code"], ended["reason"]), (EXITED, 7, "Error"))
            node.restart()  # what it wrote is as good
            equal((pod.ip(), pod.status()["state"], writer.status()["state"]), (address, "SANDBOX_READY", RUNNING))
            equal(writer.exec("echo", "in").out, "in\n")
            created.start()
            equal(created.wait(), 0)
            writer.stop(1)
            numbered(writer.output())


def gone(node, pod):
    """Waits until its record is aside."""
    aside = wait_until(lambda: [name for name in leftovers.names(node.root + "/quarantine") if name.startswith(pod.id)],
                       what="a record in quarantine")
    for name in aside:
        node.run("rm", "-rf", f"{node.root}/quarantine/{name}")


@test("a running pod whose record cannot be read is ended completely, network included")
def _(node):
    parent = {"cgroup_parent": node.parent + "/kube"}
    shared = {"security_context": {"namespace_options": {"pid": "POD"}}}
    with node.run_pod(linux=parent) as other:
        other.start(["sleep", "1000"])
        for linux, attachment, record in (({}, None, ""), ({}, "{ torn", '{"schema":99}'), (parent, None, "{ torn"),
                                          (parent, "{ torn", ""), (parent, None, '{"schema":99}')):
            before = node.leftovers()
            pod = node.run_pod(linux=linux | shared)
            pod.start(["sh", "-c", COUNT])
            node.kill()
            torn(node, f"pods/{pod.id}/record.json", record)
            if attachment:
                torn(node, f"pods/{pod.id}/attachment.json", attachment)
            node.start()
            gone(node, pod)
            equal([item["id"] for item in node.cri.ListPodSandbox()["items"]], [other.id])
            node.expect_nothing_left(before)


@test("a pod whose attachment cannot be read is stopped without leaving its address")
def _(node):
    before = node.leftovers()
    with node.run_pod() as pod:
        node.kill()
        torn(node, f"pods/{pod.id}/attachment.json")
        node.start()
        equal(pod.status()["state"], "SANDBOX_READY")
        pod.stop()
    node.expect_nothing_left(before)


@test("a running container whose record cannot be read ends, and its pod stays")
def _(node):
    with node.run_pod() as pod:
        before = node.leftovers()
        broken = pod.start(["sh", "-c", COUNT])
        node.kill()
        torn(node, f"containers/{broken.id}/record.json")
        node.start()
        equal(node.cri.ListContainers().get("containers", []), [])
        equal(pod.status()["state"], "SANDBOX_READY")
        for name in leftovers.names(node.root + "/quarantine"):
            node.run("rm", "-rf", f"{node.root}/quarantine/{name}")
        node.expect_nothing_left(before)
