# SPDX-License-Identifier: Apache-2.0
"""Sessions without end: what each of them took has to come back. BERTH_CYCLES=10000 for the long form."""
import os
import re
import resource
import socket
import urllib.parse

from harness import check, equal, test, wait_until
from stream_client import SpdyExec, SpdyForward
from suite_attach import shim_of

CYCLES = int(os.environ.get("BERTH_CYCLES", "600"))
GROWTH_KIB = {"daemon": 6 << 10, "shim": 256}


def footprint(pid):
    with open(f"/proc/{pid}/status") as file:
        text = file.read()
    return {"descriptors": len(os.listdir(f"/proc/{pid}/fd")), "threads": int(re.search(r"Threads:\s+(\d+)", text)[1]),
            "KiB": int(re.search(r"VmRSS:\s+(\d+)", text)[1])}


def zombies():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                found += [pid] if file.read().rsplit(")", 1)[1].split()[0] == "Z" else []
        except OSError:
            pass
    return len(found)


def flat(node, pod, cycle):
    """Runs the cycle often enough to warm up, then CYCLES times."""
    pids = {"daemon": node.process.pid, "shim": int(shim_of(node, pod))}
    for _ in range(100):
        cycle()
    before, dead = {name: footprint(pid) for name, pid in pids.items()}, zombies()
    for _ in range(CYCLES):
        cycle()
    for name, pid in pids.items():
        wait_until(lambda: footprint(pid)["descriptors"] <= before[name]["descriptors"], what=f"end of the {name}'s descriptors")
        after = footprint(pid)
        check(after["threads"] <= before[name]["threads"] + 2, f"{name}: {before[name]} became {after}")
        check(after["KiB"] <= before[name]["KiB"] + GROWTH_KIB[name], f"{name}: {before[name]} became {after}")
    wait_until(lambda: zombies() <= dead, what="end of the zombies")


@test("execs leave descriptors, threads, zombies and memory as they were")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "100000"])

        def cycle():
            client = SpdyExec(container.exec_url("true"), "stdout")
            client.status()
            client.close()

        flat(node, pod, cycle)


@test("attaches leave descriptors, threads, zombies and memory as they were")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["cat"], stdin=True)

        def cycle():
            client = SpdyExec(node.cri.Attach(container_id=container.id, stdin=True, stdout=True)["url"], "stdin", "stdout")
            client.write(b"x")
            client.wait(lambda: client.output())
            client.close()

        flat(node, pod, cycle)


@test("port-forwards to a port on which nobody listens leave everything as it was")
def _(node):
    with node.run_pod() as pod:
        pod.start(["sleep", "100000"])

        def cycle():
            client = SpdyForward(node.cri.PortForward(pod_sandbox_id=pod.id, port=[9])["url"])
            error, _ = client.connection(9)
            client.wait(lambda: client.data[error])
            client.close()

        flat(node, pod, cycle)


@test("10000 connections that say nothing cost no thread and little memory, and one that speaks is served")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "100000"])
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        silent, before = [], footprint(node.process.pid)
        try:
            url = urllib.parse.urlsplit(container.exec_url("true"))
            for _ in range(10000):
                silent.append(socket.create_connection((url.hostname, url.port), 20))
            during = footprint(node.process.pid)
            check(during["threads"] <= before["threads"] + 2, f"{before} became {during}")
            check(during["KiB"] <= before["KiB"] + (4 << 10), f"{before} became {during}")
            equal(SpdyExec(container.exec_url("true"), "stdout").status(),
                  '{"metadata":{},"status":"Success"}')
        finally:
            for connection in silent:
                connection.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wait_until(lambda: footprint(node.process.pid)["descriptors"] <= before["descriptors"], what="end of the descriptors")
