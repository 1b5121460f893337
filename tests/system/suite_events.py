# SPDX-License-Identifier: Apache-2.0
"""GetContainerEvents and the Stream* twins of the List calls."""
import json
import os
import signal
import subprocess

from cri import Events
from harness import BUILD, check, contains, equal, need, refused, test, wait_until, write
from pods import EXITED, RUNNING

LIFE = ["created", "started", "stopped", "deleted"]


def listen(node):
    """Returns once it hears something: a pod has to be there."""
    events = Events(node, BUILD + "/tests/system/cri_call")
    wait_until(lambda: events.seen, what="stream of events")
    return events


def saw(events, identifier, kinds):
    wait_until(lambda: events.of(identifier) == kinds, what=lambda: "events")


def status_in(event, identifier):
    found = [status for status in event["containers_statuses"] if status["id"] == identifier]
    return found[0] if found else None


@test("the lives of a pod and its containers, told to every client with the statuses of that moment")
def _(node):
    with node.run_pod() as known, listen(node) as one, listen(node) as two:
        pod = node.run_pod(labels={"app": "told"})
        container = pod.start(["sh", "-c", "exit 3"])
        container.wait()
        container.remove()
        pod.stop()
        pod.remove()
        for events in (one, two):
            wait_until(lambda events=events: "deleted" in events.of(pod.id), what="end of the pod")
            equal(events.of(container.id), LIFE)
            equal(events.of(pod.id), LIFE)
        one.seen[:] = [event for event in one.seen if event["container_id"] != known.id]
        own = [event for event in one.seen if event["container_id"] == container.id]
        states = [(status_in(event, container.id) or {}).get("state") for event in own]
        equal(states, ["CONTAINER_CREATED", RUNNING, EXITED, None])
        equal(status_in(own[2], container.id)["exit_code"], 3)
        for event in one.seen:
            equal(event["pod_sandbox_status"]["metadata"]["uid"], pod.config["metadata"]["uid"])
            equal(event["pod_sandbox_status"]["labels"], {"app": "told"})
        times = [int(event["created_at"]) for event in one.seen]
        equal(times, sorted(times))
        equal([event["pod_sandbox_status"]["state"] for event in one.seen if event["container_id"] == pod.id],
              ["SANDBOX_READY", "SANDBOX_READY", "SANDBOX_NOTREADY", "SANDBOX_NOTREADY"])


@test("a container that cannot be started is created and stops")
def _(node):
    path = node.dir + "/no-program"
    write(path, "\x7fELF of no machine")
    os.chmod(path, 0o755)
    with node.run_pod() as pod, listen(node) as events:
        container = pod.create(["/no-program"], mounts=[{"host_path": path, "container_path": "/no-program"}])
        refused("INTERNAL", ["Exec format error"], container.start)
        wait_until(lambda: "stopped" in events.of(container.id), what="end")
        equal(events.of(container.id), ["created", "stopped"])
        equal(status_in(events.seen[-1], container.id)["reason"], "StartError")


@test("who comes later first hears of what there is, each once, in its latest state")
def _(node):
    with node.run_pod() as pod:
        created, running, exited = pod.create(["true"]), pod.start(["sleep", "1000"]), pod.start(["true"])
        exited.wait()
        with listen(node) as events:
            wait_until(lambda: len(events.seen) >= 4, what="the present")
            running.stop()
            wait_until(lambda: len(events.seen) >= 5, what="the stop")
            equal({identifier: events.of(identifier) for identifier in (pod.id, created.id, running.id, exited.id)},
                  {pod.id: ["started"], created.id: ["created"], running.id: ["started", "stopped"], exited.id: ["stopped"]})


@test("an end that came while no daemon was there is told after the restart")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "sleep 0.5; exit 5"])
        with listen(node) as before:
            saw(before, container.id, ["started"])
            node.kill()
            wait_until(lambda: before.end, what="end of the stream")
            equal(before.end["code"], "UNAVAILABLE")
        before = node.run("sh", "-c", "sleep 1")
        node.start()
        with listen(node) as after:
            saw(after, container.id, ["stopped"])
            equal(status_in(after.seen[-1], container.id)["exit_code"], 5)
            saw(after, pod.id, ["started"])


@test("a client that does not read delays nobody, loses its stream, and hears why")
def _(node):
    # Large statuses fill what the kernel and gRPC buffer for it.
    with node.run_pod(annotations={"filler": "x" * (1 << 20)}) as pod, listen(node) as slow, listen(node) as quick:
        slow.process.send_signal(signal.SIGSTOP)
        last = None
        for _ in range(16):
            last = pod.create(["true"])
            last.remove()
        wait_until(lambda: quick.of(last.id) == ["created", "stopped", "deleted"], what="last event of the quick one")
        slow.process.send_signal(signal.SIGCONT)
        wait_until(lambda: slow.end, what="end of the slow one's stream")
        equal(slow.end["code"], "RESOURCE_EXHAUSTED")
        contains(slow.end["message"], "read too slowly")
        equal(quick.end, None)


@test("streams end with the daemon, and SIGTERM does not wait for them")
def _(node):
    with node.run_pod(), listen(node) as events:
        node.stop()
        wait_until(lambda: events.end, what="end of the stream")
        check(events.end["code"] in ("CANCELLED", "UNAVAILABLE"), events.end)
        node.start()


@test("crictl events prints them")
def _(node):
    command = [need("crictl"), "--runtime-endpoint", node.socket, "events", "-o", "json"]
    with node.run_pod() as pod, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as crictl:
        try:
            event = json.loads("".join(iter(crictl.stdout.readline, "}\n")) + "}")
            equal((event["containerId"], event["containerEventType"]), (pod.id, "CONTAINER_STARTED_EVENT"))
        finally:
            crictl.kill()


def pieces(answers, field):
    return [item["id"] for piece in answers for item in piece[field]]


@test("Stream calls say what List calls say, in messages of bounded size, and filter as they do")
def _(node):
    filler = {"filler": "x" * 300000}
    with node.run_pod(labels={"which": "large"}, annotations=filler) as large, node.run_pod() as other:
        containers = [large.create(["true"], annotations=filler) for _ in range(8)]
        one = other.start(["sleep", "1000"])
        answers = node.cri.StreamContainers()
        check(len(answers) > 2, f"{len(answers)} messages")
        check(all(len(json.dumps(piece)) < 1.2 * (1 << 20) for piece in answers), "a message is too large")
        equal(pieces(answers, "containers"), [item["id"] for item in node.cri.ListContainers()["containers"]])
        equal(len(pieces(answers, "containers")), 9)
        equal(pieces(node.cri.StreamContainers(filter={"pod_sandbox_id": other.id}), "containers"), [one.id])
        equal(pieces(node.cri.StreamContainers(filter={"id": containers[0].id}), "containers"), [containers[0].id])
        equal(node.cri.StreamContainers(filter={"id": "f" * 64}), [])
        equal(sorted(pieces(node.cri.StreamPodSandboxes(), "pod_sandboxes")), sorted([large.id, other.id]))
        equal(pieces(node.cri.StreamPodSandboxes(filter={"label_selector": {"which": "large"}}), "pod_sandboxes"), [large.id])
        equal(pieces(node.cri.StreamImages(), "images"), [image["id"] for image in node.cri.ListImages()["images"]])
        stats = node.cri.StreamContainerStats()
        equal([item["attributes"]["id"] for piece in stats for item in piece["container_stats"]], [one.id])
