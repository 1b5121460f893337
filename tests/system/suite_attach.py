# SPDX-License-Identifier: Apache-2.0
"""attach: what a container writes and reads, for clients that come and go, and never at the cost of its log."""
import json
import os
import subprocess
import time

from harness import check, contains, equal, need, test, wait_until
from stream_client import SpdyExec, WebSocket


def attach_url(node, container, **streams):
    return node.cri.Attach(container_id=container.id, **streams)["url"]


def shim_of(node, pod):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read() != "berth-shim\n":
                    continue
            if os.readlink(f"/proc/{pid}/fd/4").endswith(pod.id):
                return pid
        except OSError:
            pass
    raise AssertionError("the pod has no shim")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@test("crictl attach: output and input, over both transports; the container's end is the client's")
def _(node):
    with node.run_pod() as pod:
        for transport in ("spdy", "websocket"):
            container = pod.start(["sh", "-c", "while read line; do echo got $line; [ $line = end ] && exit 0; done"], stdin=True)
            client = subprocess.Popen([need("crictl"), "-r", node.socket, "attach", "--transport", transport, "-i", container.id],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                client.stdin.write(b"one\n")
                client.stdin.flush()
                equal(client.stdout.readline(), b"got one\n", transport)
                client.stdin.write(b"end\n")
                client.stdin.flush()
                equal(client.stdout.readline(), b"got end\n", transport)
                equal(container.wait(), 0)
                client.wait(20)
            finally:
                client.kill()
                client.communicate()
            equal(container.output(), "got one\ngot end\n")


@test("both outputs apart, to many clients, and the log has all of it")
def _(node):
    with node.run_pod() as pod:
        script = "read go; for i in 1 2 3; do echo out $i; echo err $i >&2; done"
        container = pod.start(["sh", "-c", script], stdin=True)
        watchers = [SpdyExec(attach_url(node, container, stdout=True, stderr=True), "stdout", "stderr") for _ in range(10)]
        watchers += [WebSocket(attach_url(node, container, stdout=True, stderr=True), "v5.channel.k8s.io") for _ in range(10)]
        time.sleep(0.3)  # until the last of them is known to the shim
        speaker = SpdyExec(attach_url(node, container, stdin=True, stdout=True), "stdin", "stdout")
        speaker.write(b"go\n")
        for watcher in watchers:
            if isinstance(watcher, WebSocket):
                watcher.wait(lambda: watcher.close_code)
                equal((watcher.data[1], watcher.data[2]), (b"out 1\nout 2\nout 3\n", b"err 1\nerr 2\nerr 3\n"))
            else:
                equal(json.loads(watcher.status())["status"], "Success")
                equal((watcher.output(), watcher.output("stderr")), (b"out 1\nout 2\nout 3\n", b"err 1\nerr 2\nerr 3\n"))
            watcher.close()
        equal(container.output("stdout"), "out 1\nout 2\nout 3\n")


@test("a client that stops reading is dropped; the log and the other client have every byte")
def _(node):
    count = 3000000
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", f"read go; seq 1 {count}"], stdin=True)
        stalled = SpdyExec(attach_url(node, container, stdout=True), "stdout")
        stalled.wait(lambda: len(stalled.replied) == 2)
        reader = SpdyExec(attach_url(node, container, stdin=True, stdout=True), "stdin", "stdout")
        time.sleep(0.2)
        began = time.monotonic()
        reader.write(b"go\n")
        equal(json.loads(reader.status(60))["status"], "Success")
        expected = "".join(f"{number}\n" for number in range(1, count + 1))
        check(reader.output().decode() == expected, lambda: f"the reader got {len(reader.output())} of {len(expected)} bytes")
        check(container.output() == expected, "the log is not complete")
        check(time.monotonic() - began < 50, "the stalled client held the container up")
        contains(stalled.status(), "read too slowly")


@test("stdin stays open over clients; with stdin_once it ends with the first one")
def _(node):
    with node.run_pod() as pod:
        keeps = pod.start(["cat"], stdin=True)
        for text in (b"first\n", b"second\n"):
            client = SpdyExec(attach_url(node, keeps, stdin=True, stdout=True), "stdin", "stdout")
            client.write(text)
            client.wait(lambda: client.output() == text)
            client.end(client.streams["stdin"])
            client.close()
        equal(keeps.status()["state"], "CONTAINER_RUNNING")
        once = pod.start(["cat"], stdin=True, stdin_once=True)
        client = SpdyExec(attach_url(node, once, stdin=True, stdout=True), "stdin", "stdout")
        client.write(b"last words")
        client.end(client.streams["stdin"])
        equal(json.loads(client.status())["status"], "Success")
        equal(client.output(), b"last words")
        equal(once.wait(), 0)
        gone = pod.start(["cat"], stdin=True, stdin_once=True)
        client = SpdyExec(attach_url(node, gone, stdin=True, stdout=True), "stdin", "stdout")
        client.write(b"x")
        client.wait(lambda: client.output() == b"x")
        client.close()
        equal(gone.wait(), 0)


@test("a terminal: late clients set its size, and what they type arrives")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "while read line; do stty size; done"], stdin=True, tty=True)
        for columns, rows in ((80, 24), (200, 60)):
            client = SpdyExec(attach_url(node, container, stdin=True, stdout=True, tty=True), "stdin", "stdout", "resize")
            client.resize(columns, rows)
            time.sleep(0.1)
            client.write(b"\n")
            client.wait(lambda: b"%d %d" % (rows, columns) in client.output())
            client.close()
        equal(container.status()["state"], "CONTAINER_RUNNING")


@test("coming and going leaves nothing in the shim, though the container is silent")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "100000"], stdin=True)
        shim = shim_of(node, pod)
        before = descriptors(shim), descriptors(node.process.pid)
        for _ in range(100):
            client = SpdyExec(attach_url(node, container, stdin=True, stdout=True, stderr=True), "stdin", "stdout", "stderr")
            client.wait(lambda: len(client.replied) == 4)
            client.close()
        wait_until(lambda: (descriptors(shim), descriptors(node.process.pid)) <= before, what="end of the descriptors")


@test("a restart of the daemon ends clients; container, log and stdin go on")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "while read line; do echo got $line; done"], stdin=True)
        client = SpdyExec(attach_url(node, container, stdin=True, stdout=True), "stdin", "stdout")
        client.write(b"before\n")
        client.wait(lambda: b"got before" in client.output())
        node.restart()
        client.wait_gone()
        client = SpdyExec(attach_url(node, container, stdin=True, stdout=True), "stdin", "stdout")
        client.write(b"after\n")
        client.wait(lambda: b"got after" in client.output())
        wait_until(lambda: container.output() == "got before\ngot after\n", what="whole log")
