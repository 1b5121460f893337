# SPDX-License-Identifier: Apache-2.0
"""More requests than there is room for."""
import os
import re

from cri import RpcError
from harness import Node, check, equal, refused, test, wait_until


def memory(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"Pss:\s+(\d+) kB", file.read())[1]) << 10


def outcomes(futures):
    counts = {}
    for future in futures:
        try:
            future.result(180)
            code = "OK"
        except RpcError as error:
            code = error.code
        counts[code] = counts.get(code, 0) + 1
    return counts


@test("300 StopContainers that all wait succeed or are RESOURCE_EXHAUSTED, and lists stay quick")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"])
        wait_until(lambda: "ready" in container.output(), what="a ready container")
        futures = [node.cri.start("StopContainer", {"container_id": container.id, "timeout": 3}, 60) for _ in range(300)]
        listed = node.cri.start("ListContainers", {}, 2).result(10)
        equal(len(listed["containers"]), 1)
        counts = outcomes(futures)
        check(set(counts) <= {"OK", "RESOURCE_EXHAUSTED"} and counts.get("OK"), counts)


@test("300 RunPodSandboxes at once on a small daemon degrade without growing its memory")
def _(_node):
    small = Node("flood", extra_config="[runtime]\nmax_work_threads = 8\n")
    small.start()
    try:
        before = memory(small.process.pid)
        host = {"linux": {"security_context": {"namespace_options": {"network": "NODE"}}}}
        for _ in range(3):
            futures = [small.cri.start("RunPodSandbox", {"config": small.pod_config(**host)}, 120) for _ in range(300)]
            counts = outcomes(futures)
            check(set(counts) <= {"OK", "RESOURCE_EXHAUSTED"} and counts.get("OK"), counts)
            equal(len(small.cri.ListPodSandbox().get("items", [])), counts["OK"], "pods")
            small.remove_pods()
        grown = memory(small.process.pid) - before
        check(grown < 40 << 20, f"grew by {grown >> 20} MiB")
        small.expect_nothing_left()
    finally:
        small.stop()


@test("a request over gRPC's limit is refused, and the daemon goes on")
def _(node):
    config = node.pod_config(annotations={"big": "x" * (17 << 20)})
    refused("RESOURCE_EXHAUSTED", [], node.cri.RunPodSandbox, config=config)
    node.cri.Version()


@test("a hundred pods are made and removed, and the daemon's descriptors and memory are where they were")
def _(node):
    def cycle(count):
        for _ in range(count):
            with node.run_pod() as pod:
                equal(pod.start(["true"]).wait(), 0)
    cycle(10)
    descriptors, before = len(os.listdir(f"/proc/{node.process.pid}/fd")), memory(node.process.pid)
    cycle(60)
    now = len(os.listdir(f"/proc/{node.process.pid}/fd"))
    check(now <= descriptors + 3, f"{now - descriptors} more descriptors")
    grown = memory(node.process.pid) - before
    check(grown < 4 << 20, f"grew by {grown >> 10} KiB")
