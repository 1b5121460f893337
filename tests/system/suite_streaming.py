# SPDX-License-Identifier: Apache-2.0
"""exec and port-forward: by crictl over both transports, and by a client that may be rude. BERTH_STREAM_MB=1000 for the long form."""
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import stream_client
from harness import check, contains, equal, need, refused, test, wait_until
from stream_client import SpdyExec, SpdyForward, WebSocket

SUCCESS = {"metadata": {}, "status": "Success"}
TRANSPORTS = ("spdy", "websocket")
MEGABYTES = int(os.environ.get("BERTH_STREAM_MB", "16"))
# No text in any encoding: all bytes, NULs, sequences that UTF-8 forbids, and a line's end of every kind.
BYTES = bytes(range(256)) + b"\0\0\n\xff\xfe\xc0\x80\xed\xa0\x80\xf8\n\r\n" + bytes(reversed(range(256))) + b"\n"


def crictl(node, *arguments, stdin=b"", timeout=60):
    return subprocess.run([need("crictl"), "-r", node.socket, *arguments], input=stdin, capture_output=True, timeout=timeout)


def crictl_exec(node, transport, container, *command, flags=(), **more):
    return crictl(node, "exec", "--transport", transport, *flags, container.id, *command, **more)


def descriptors(node):
    return len(os.listdir(f"/proc/{node.process.pid}/fd"))


def processes_with(text):
    """Of this machine: containers' processes are among them."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found += [pid] if text.encode() in file.read().split(b"\0") else []
        except OSError:
            pass
    return found


def sleeper(pod, **more):
    return pod.start(["sleep", "100000"], **more)


@test("crictl exec: both outputs apart and the exit code, over both transports")
def _(node):
    with node.run_pod() as pod:
        container = sleeper(pod)
        for transport in TRANSPORTS:
            done = crictl_exec(node, transport, container, "sh", "-c", "echo out; echo err >&2; exit 3")
            equal((done.stdout, done.returncode != 0), (b"out\n", True), transport)
            contains(done.stderr.decode(), "err\n")
            contains(done.stderr.decode(), "exit code 3")
            equal(crictl_exec(node, transport, container, "true").returncode, 0)


@test("crictl exec -i: stdin arrives whole, and so does its end")
def _(node):
    block = os.urandom(1 << 20)
    with node.run_pod() as pod:
        container = sleeper(pod)
        for transport in TRANSPORTS:
            sent, received, size, said = there_and_back(node, transport, container, block)
            check(sent == received, lambda: f"{transport}: {size} bytes came back: {said[-300:]}")


def there_and_back(node, transport, container, block):
    """Digests of what went into a cat and came out of it, the size of the latter, and what crictl said."""
    client = subprocess.Popen([need("crictl"), "-r", node.socket, "exec", "--transport", transport, "-i", container.id, "cat"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    sent, received, size = hashlib.sha256(), hashlib.sha256(), 0

    def feed():
        for number in range(MEGABYTES):
            piece = number.to_bytes(8, "big") + block
            sent.update(piece)
            client.stdin.write(piece)
        client.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        while piece := client.stdout.read1(1 << 20):
            received.update(piece)
            size += len(piece)
        said = client.stderr.read()
        client.wait(20)
    finally:
        client.kill()
        feeder.join()
    return sent.digest(), received.digest(), size, said


@test("every byte comes through as it is, also what is no text: log, exec over both transports, attach")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "while [ ! -e /go ]; do sleep 0.02; done; cat /bytes; cat /bytes >&2"])
        equal(crictl_exec(node, "spdy", container, "sh", "-c", "cat >/bytes", flags=("-i",), stdin=BYTES).returncode, 0)
        for transport in TRANSPORTS:
            done = crictl_exec(node, transport, container, "sh", "-c", "cat /bytes; cat /bytes >&2")
            equal((done.stdout, BYTES in done.stderr), (BYTES, True), transport)  # crictl has warnings of its own
        for protocol in ("v5.channel.k8s.io", "v4.base64.channel.k8s.io"):
            client = WebSocket(container.exec_url("cat", "/bytes"), protocol)
            client.wait(lambda: client.close_code)
            equal(client.data[1], BYTES, protocol)
        follower = SpdyExec(node.cri.Attach(container_id=container.id, stdout=True, stderr=True)["url"], "stdout", "stderr")
        equal(container.exec("touch", "/go").code, 0)
        follower.status()
        equal((follower.output(), follower.output("stderr")), (BYTES, BYTES), "attach")
        equal(container.wait(), 0)
        for stream in (b"stdout", b"stderr"):
            equal(logged(container, stream), BYTES, stream)


def logged(container, stream):
    with open(container.log_file(), "rb") as file:
        records = [record.split(b" ", 3) for record in file.read().split(b"\n")[:-1]]
    return b"".join(text + b"\n" for _, name, tag, text in records if name == stream)


@test("a command that cannot be started is told of, over both transports")
def _(node):
    with node.run_pod() as pod:
        container = sleeper(pod)
        for transport in TRANSPORTS:
            done = crictl_exec(node, transport, container, "/no/such/program")
            equal(done.returncode != 0, True)
            contains(done.stderr.decode(), "No such file or directory")


@test("every version of the protocol ends as it should")
def _(node):
    with node.run_pod() as pod:
        container = sleeper(pod)
        for version in ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"):
            client = SpdyExec(container.exec_url("sh", "-c", "echo hi; exit 5"), "stdout", version=version)
            status = client.status()
            equal(client.output(), b"hi\n")
            if version.startswith("v4"):
                equal(json.loads(status)["details"], {"causes": [{"reason": "ExitCode", "message": "5"}]})
            else:
                contains(status, "non-zero exit code")
            client.close()
        for protocol in ("v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io"):
            client = WebSocket(container.exec_url("echo", "hi"), protocol)
            client.wait(lambda: client.close_code)
            equal((client.data[1], json.loads(client.data[3]), client.close_code), (b"hi\n", SUCCESS, 1000))
            client.close()


@test("v5: the close signal ends stdin")
def _(node):
    with node.run_pod() as pod:
        client = WebSocket(sleeper(pod).exec_url("cat", stdin=True), "v5.channel.k8s.io")
        client.send(0, b"half")
        client.send(255, b"\0")
        client.wait(lambda: client.close_code)
        equal(client.data[1], b"half")


@test("a terminal: its size, also after a change, and its end")
def _(node):
    with node.run_pod() as pod:
        container = sleeper(pod)
        script = "trap 'stty size' WINCH; echo ready; while :; do read line; [ \"$line\" = end ] && exit 7; done"
        url = container.exec_url("sh", "-c", script, stdin=True, tty=True)
        client = SpdyExec(url, "stdin", "stdout", "resize")
        client.wait(lambda: b"ready" in client.output())
        for columns, rows in ((132, 50), (0, 0), (65535, 65535), (81, 25)):
            client.resize(columns, rows)
            client.write(b"\n")
            if 0 < columns < 30000:  # busybox shows larger ones as 24 80
                client.wait(lambda: b"%d %d" % (rows, columns) in client.output())
        check(b"\r\n0 0" not in client.output(), "a size of nothing was set")
        client.write(b"end\n")
        equal(json.loads(client.status())["details"]["causes"][0]["message"], "7")


@test("a client that vanishes takes the exec's whole tree with it, the container stays")
def _(node):
    with node.run_pod() as pod:
        container = sleeper(pod)
        before = descriptors(node)
        client = SpdyExec(container.exec_url("sh", "-c", "sleep 7771 & sleep 7771"), "stdout")
        wait_until(lambda: len(processes_with("7771")) >= 2, what="commands")
        client.close()
        left = 1 if not os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 0
        wait_until(lambda: len(processes_with("7771")) <= left, what="end of the commands")
        equal(container.status()["state"], "CONTAINER_RUNNING")
        wait_until(lambda: descriptors(node) <= before, what="end of the descriptors")
        for pid in processes_with("7771"):
            os.kill(int(pid), signal.SIGKILL)


@test("a descendant that holds the output does not hold the client")
def _(node):
    with node.run_pod() as pod:
        began = time.monotonic()
        client = SpdyExec(sleeper(pod).exec_url("sh", "-c", "sleep 7772 & echo done"), "stdout")
        equal(json.loads(client.status()), SUCCESS)
        equal(client.output(), b"done\n")
        check(time.monotonic() - began < 5, "the client waited for the descendant")


@test("a client that stops reading holds up its command and nothing else")
def _(node):
    with node.run_pod() as pod:
        container = sleeper(pod)
        client = SpdyExec(container.exec_url("sh", "-c", "yes | head -c 100000000"), "stdout")
        time.sleep(0.5)
        equal(container.exec("echo", "alive").out, "alive\n")
        equal(json.loads(client.status()), SUCCESS)
        equal(len(client.output()), 100000000)


@test("exec works while the container is asked to stop, and ends with it")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "trap 'echo stopping' TERM; while :; do sleep 0.1; done"])
        stop = subprocess.Popen([need("crictl"), "-r", node.socket, "stop", "--timeout", "4", container.id], stdout=subprocess.DEVNULL)
        wait_until(lambda: "stopping" in container.output(), what="SIGTERM")
        done = crictl_exec(node, "spdy", container, "echo", "still here")
        equal(done.stdout, b"still here\n")
        client = SpdyExec(container.exec_url("sleep", "7773"), "stdout")
        equal(json.loads(client.status())["status"], "Failure")
        stop.wait(20)


@test("a URL is good once, and only for what it was made for")
def _(node):
    with node.run_pod() as pod:
        container = sleeper(pod)
        url = container.exec_url("true")
        SpdyExec(url, "stdout", "stderr").status()
        upgrade = ("Connection: Upgrade", "Upgrade: SPDY/3.1")
        equal(stream_client.ask(url, *upgrade)[1], 404)
        other = container.exec_url("true")
        equal(stream_client.ask(other.replace("/exec/", "/attach/"), *upgrade)[1], 404)
        equal(stream_client.ask(other[:-64] + "0" * 64, *upgrade)[1], 404)
        equal(stream_client.ask(other, method="GET")[1], 426)
        refused("INVALID_ARGUMENT", ["tty", "stderr"], node.cri.Exec, container_id=container.id, cmd=["sh"], tty=True, stderr=True)
        refused("INVALID_ARGUMENT", ["stdin"], node.cri.Exec, container_id=container.id, cmd=["sh"])
        refused("NOT_FOUND", [], node.cri.Exec, container_id="0" * 64, cmd=["sh"], stdout=True)


@test("rude clients end alone, and leave nothing behind")
def _(node):
    with node.run_pod() as pod:
        container = sleeper(pod)
        before = descriptors(node)
        model = SpdyExec(container.exec_url("cat", stdin=True), "stdin", "stdout")
        model.close()
        opened = stream_client.Spdy.control(4, b"\0\0\0\0") + model.syn(99, streamtype="stdin")
        for cut in range(1, len(opened), 3):
            client = SpdyExec(container.exec_url("cat", stdin=True), "stdin", "stdout")
            client.sock.sendall(opened[:cut])
            client.close()
        bomb = model.control(1, struct.pack(">IIH", 101, 0, 0) + b"\x78\xbb" + os.urandom(40000))
        rude = [b"\x80\x02\0\1\0\0\0\0", b"\x80\x03\0\1\0\xff\xff\xff", struct.pack(">II", 0, 4) + b"data", bomb,
                model.control(9, struct.pack(">II", 0, 0x7fffffff)) * 3, struct.pack(">II", 77, 4) + b"data"]
        for wire in rude:
            client = SpdyExec(container.exec_url("cat", stdin=True), "stdin", "stdout")
            client.sock.sendall(wire)
            client.wait_gone()
            client.close()
        for wire in (b"\x82\x05Hello", b"\xc2\x80\0\0\0\0", b"\x82\xff" + b"\xff" * 8 + b"\0\0\0\0"):
            client = WebSocket(container.exec_url("cat", stdin=True), "v5.channel.k8s.io")
            client.sock.sendall(wire)
            client.wait(lambda: client.close_code)
            equal(client.close_code, 1002)
            client.close()
        url = container.exec_url("cat")
        silent = [stream_client.connect(url)[0] for _ in range(1500)]
        equal(crictl_exec(node, "spdy", container, "echo", "served").stdout, b"served\n")
        for connection in silent:
            connection.close()
        wait_until(lambda: descriptors(node) <= before, what="end of the descriptors")


# --- port-forward -----------------------------------------------------------------------------------


def forwarded(node, pod, **more):
    return SpdyForward(node.cri.PortForward(pod_sandbox_id=pod.id, **more)["url"])


class Inside:
    """A listening socket in a pod's network namespace, served by this process."""

    def __init__(self, pod, family=socket.AF_INET, address="127.0.0.1", host=False):
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        if not host:
            with open(f"{pod.node.state}/netns/{pod.id}") as network:
                stream_setns(network.fileno())
        try:
            self.socket = socket.socket(family)
            self.socket.bind((address, 0))
            self.socket.listen(64)
            self.socket.settimeout(20)
        finally:
            stream_setns(own)
            os.close(own)
        self.port = self.socket.getsockname()[1]

    def accept(self):
        connection = self.socket.accept()[0]
        connection.settimeout(20)
        return connection


def stream_setns(fd):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    check(libc.setns(fd, 0x40000000) == 0, "setns failed")


@test("port-forward reaches 127.0.0.1 and ::1, and a host-network pod's loopback")
def _(node):
    with node.run_pod() as pod:
        client = forwarded(node, pod)
        for server in (Inside(pod), Inside(pod, socket.AF_INET6, "::1")):
            _, data = client.connection(server.port)
            peer = server.accept()
            client.send(data, b"question")
            equal(peer.recv(100), b"question")
            peer.sendall(b"answer")
            client.wait(lambda: client.data[data] == b"answer")
    with node.run_pod(linux={"security_context": {"namespace_options": {"network": "NODE"}}}) as pod:
        server = Inside(pod, host=True)
        client = forwarded(node, pod)
        _, data = client.connection(server.port)
        server.accept().sendall(b"host")
        client.wait(lambda: client.data[data] == b"host")


@test("port-forward: each direction ends by itself, long before the other")
def _(node):
    payload = os.urandom(4 << 20)
    with node.run_pod() as pod:
        server, client = Inside(pod), forwarded(node, pod)
        error, data = client.connection(server.port)
        peer = server.accept()
        client.send(data, b"only this", fin=True)
        equal(b"".join(iter(lambda: peer.recv(100), b"")), b"only this")
        time.sleep(1.5)  # other runtimes cut the second direction off after a second
        peer.sendall(payload)
        peer.close()
        client.wait(lambda: {error, data} <= client.ended)
        check(client.data[data] == payload, "the answer after the half-close is not what was sent")
        error, data = client.connection(server.port)
        peer = server.accept()
        peer.shutdown(socket.SHUT_WR)
        client.wait(lambda: data in client.ended)
        client.send(data, payload, fin=True)
        got = b"".join(iter(lambda: peer.recv(1 << 20), b""))
        check(got == payload, "the question after the half-close is not what was sent")
        client.wait(lambda: error in client.ended)


@test("port-forward: a reset ends one stream, a refusal is told, the others live")
def _(node):
    with node.run_pod() as pod:
        server, client = Inside(pod), forwarded(node, pod)
        _, stays = client.connection(server.port)
        staying = server.accept()
        error, data = client.connection(server.port)
        peer = server.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        client.wait(lambda: data in client.reset and error in client.ended)
        equal(client.data[error], b"")
        error, data = client.connection(1)
        client.wait(lambda: error in client.ended)
        contains(client.data[error].decode(), "Connection refused")
        _, left = client.connection(server.port)
        leaving = server.accept()
        client.sock.sendall(client.control(3, struct.pack(">II", left, 5)))
        equal(leaving.recv(1), b"")
        client.send(stays, b"alive")
        equal(staying.recv(100), b"alive")


@test("crictl port-forward: many connections over both transports")
def _(node):
    with node.run_pod() as pod:
        server = Inside(pod)
        for transport in TRANSPORTS:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                local = probe.getsockname()[1]
            forward = subprocess.Popen([need("crictl"), "-r", node.socket, "port-forward", "--transport", transport, pod.id,
                                        f"{local}:{server.port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                check(any(b"Forwarding from" in line for line in forward.stdout), "crictl does not listen")
                clients = [socket.create_connection(("127.0.0.1", local), 20) for _ in range(20)]
                for number, client in enumerate(clients):
                    client.sendall(b"%d" % number)
                peers = [server.accept() for _ in clients]
                for peer in peers:
                    peer.sendall(b"you sent " + peer.recv(100))
                    peer.close()
                for number, client in enumerate(clients):
                    equal(b"".join(iter(lambda: client.recv(100), b"")), b"you sent %d" % number)
                    client.close()
            finally:
                forward.kill()
                forward.wait()
                forward.stdout.close()
