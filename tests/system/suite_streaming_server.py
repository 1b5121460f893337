# SPDX-License-Identifier: Apache-2.0
"""The streaming server by itself: TLS, its limits, and what it says about its state."""
import json
import os
import ssl
import subprocess
import time
import urllib.parse

import harness
import stream_client
from harness import another_node, check, contains, equal, need, test, wait_until
from stream_client import SpdyExec


def make_certificate(directory, name):
    done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                           "-days", "1", "-subj", f"/CN={name}", "-keyout", directory + "/key.new", "-out", directory + "/cert.new"],
                          capture_output=True, text=True)
    check(done.returncode == 0, lambda: done.stderr)
    os.rename(directory + "/key.new", directory + "/key.pem")
    os.rename(directory + "/cert.new", directory + "/cert.pem")


def served_certificate(url):
    parts = urllib.parse.urlsplit(url)
    return ssl.get_server_certificate((parts.hostname, parts.port))


@test("TLS: served, with the least version asked for, and a new certificate without a restart")
def _(_):
    need("openssl")
    directory = harness.BASE + "/tls"
    os.makedirs(directory, exist_ok=True)
    make_certificate(directory, "first")
    config = (f'[streaming]\ntls_certificate = "{directory}/cert.pem"\ntls_key = "{directory}/key.pem"\n'
              'tls_min_version = "1.3"\n')
    with another_node("tls", config) as node, node.run_pod() as pod:
        container = pod.start(["sleep", "100000"])
        url = container.exec_url("echo", "hi")
        check(url.startswith("https://"), url)
        client = SpdyExec(url, "stdout")
        equal((json.loads(client.status())["status"], client.output()), ("Success", b"hi\n"))
        equal(client.sock.version(), "TLSv1.3")
        old = ssl._create_unverified_context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        parts = urllib.parse.urlsplit(url)
        raw = stream_client.connect(url.replace("https", "http"))[0]
        try:
            old.wrap_socket(raw)
            raise AssertionError("TLS 1.2 was accepted")
        except (ssl.SSLError, ConnectionError):
            pass
        first = served_certificate(url)
        make_certificate(directory, "second")
        second = served_certificate(url)
        check(first != second, "the old certificate is still served")
        with open(directory + "/cert.pem", "w") as file:
            file.write("broken")
        equal(served_certificate(url), second)
        contains(node.log_tail(), "goes on with its old certificate")
        equal(parts.hostname, "127.0.0.1")


@test("sessions have a limit, and an idle one ends")
def _(_):
    with another_node("limits", '[streaming]\nmax_sessions = 2\nidle_timeout = 1\n') as node, node.run_pod() as pod:
        container = pod.start(["sleep", "100000"])
        urls = [container.exec_url("sleep", "7774") for _ in range(3)]
        clients = [SpdyExec(url, "stdout") for url in urls[:2]]
        equal(stream_client.ask(urls[2], "Connection: Upgrade", "Upgrade: SPDY/3.1")[1], 503)
        for client in clients:
            contains(client.status(), "nothing has moved for too long")


@test("an empty address turns streaming off, and the runtime is ready all the same")
def _(_):
    with another_node("off", '[streaming]\naddress = ""\n') as node, node.run_pod() as pod:
        container = pod.start(["sleep", "100000"])
        harness.refused("UNAVAILABLE", ["streaming.address"], node.cri.Exec, container_id=container.id, cmd=["true"], stdout=True)
        conditions = {item["type"]: item["status"] for item in node.cri.Status()["status"]["conditions"]}
        equal(conditions["RuntimeReady"], True)


@test("a listener that was destroyed is replaced on its port")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "100000"])
        url = container.exec_url("echo", "hi")
        port = urllib.parse.urlsplit(url).port
        killed = subprocess.run(["ss", "-K", "-l", "-t", "sport", "=", f":{port}"], capture_output=True, text=True)
        if f":{port}" not in killed.stdout:
            raise harness.Skip("this kernel destroys no sockets for ss -K")
        wait_until(lambda: "listens again" in node.log_tail(50), what="new listener")
        equal(SpdyExec(url, "stdout").status(), json.dumps({"metadata": {}, "status": "Success"}, separators=(",", ":")))
        equal({item["type"]: item["status"] for item in node.cri.Status()["status"]["conditions"]}["RuntimeReady"], True)


@test("clients that send no whole request are left after a while, one that waits is served meanwhile")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "100000"])
        url = container.exec_url("echo", "hi")
        slow = [stream_client.connect(url)[0] for _ in range(50)]
        for connection in slow:
            connection.sendall(b"GET /exec/")
        equal(json.loads(SpdyExec(url, "stdout").status())["status"], "Success")
        began = time.monotonic()
        for connection in slow:
            connection.settimeout(20)
            check(b"400" in connection.recv(1000), "no answer to half a request")
        check(time.monotonic() - began < 15, "half requests were kept for too long")
