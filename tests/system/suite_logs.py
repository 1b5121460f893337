# SPDX-License-Identifier: Apache-2.0
"""Containers' logs: exact through rotations and restarts, on a full disk, rotated by ourselves, and in the journal."""
import contextlib
import json
import os
import socket
import subprocess

import harness
from harness import another_node, check, contains, equal, need, test, wait_until
from pods import log_text


@contextlib.contextmanager
def small_disk(size):
    directory = harness.BASE + "/small"
    os.makedirs(directory, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


def counting(last):
    return ["sh", "-c", f"i=0; while [ $i -lt {last} ]; do i=$((i+1)); echo line $i; done"]


def lines_to(last):
    return "".join(f"line {number}\n" for number in range(1, last + 1))


def differences(text, last):
    return None if text == lines_to(last) else f"{len(text)} bytes instead of {len(lines_to(last))}"


@test("1000 rotations and 20 restarts of the daemon while ten containers write: every line once, whole, in order")
def _(node):
    files = {}
    script = "i=0; while :; do i=$((i+1)); echo line $i; [ $((i % 100)) = 0 ] && sleep 0.02 && [ -e /stop ] && exit; done"
    with node.run_pod() as pod:
        writers = [pod.start(["sh", "-c", script]) for _ in range(10)]
        for number in range(1, 101):
            for writer in writers:
                name = f"{writer.log_file()}.{number}"
                os.rename(writer.log_file(), name)
                files.setdefault(writer.id, []).append(name)
                node.cri.ReopenContainerLog(container_id=writer.id)
            if number % 5 == 0:
                node.restart()
        for writer in writers:
            writer.exec("touch", "/stop")
            equal(writer.wait(60), 0)
            text = "".join(log_text(name) for name in [*files[writer.id], writer.log_file()])
            check(text.count("\n") > 1000, "hardly anything was written")
            equal(differences(text, text.count("\n")), None, writer.log_file())


@test("a full disk drops and counts, and the container goes on")
def _(node):
    with small_disk("1m") as logs, node.run_pod(log_directory=logs) as pod:
        container = pod.start(counting(100000))
        equal(container.wait(60), 0)
        text = container.output()
        check(lines_to(100000).startswith(text) and text.endswith("\n"), "a line is torn")
        contains(node.log_tail(50), "log bytes could not be written")


@test("with when_full = wait a full disk makes the container wait, and nothing is lost")
def _(_):
    last = 200000
    with small_disk("4m") as logs, another_node("waits", '[container_log]\nwhen_full = "wait"\n') as node, \
            node.run_pod(log_directory=logs) as pod:
        container = pod.start(counting(last))
        neighbour = pod.start(["sh", "-c", "echo here; sleep 100000"], log_path="")
        full = lambda: os.statvfs(logs).f_bavail * 4096 < 1 << 20
        wait_until(full, 30, "full disk")
        equal(neighbour.exec("echo", "alive").out, "alive\n")
        before = container.output()
        check(len(before) < len(lines_to(last)), "the disk was large enough")
        equal(container.status()["state"], "CONTAINER_RUNNING")
        subprocess.run(["mount", "-o", "remount,size=64m", logs], check=True)
        equal(container.wait(60), 0)
        equal(differences(container.output(), last), None)


@test("with max_size logs are rotated without a kubelet, and the oldest go")
def _(_):
    with another_node("rotates", "[container_log]\nmax_size = 1048576\nmax_files = 2\n") as node, node.run_pod() as pod:
        container = pod.start(counting(100000))
        equal(container.wait(60), 0)
        directory, name = os.path.split(container.log_file())
        files = [name + suffix for suffix in (".2", ".1", "")]
        equal(sorted(entry for entry in os.listdir(directory) if entry.startswith(name)), sorted(files))
        for file in files:
            check(os.path.getsize(f"{directory}/{file}") <= 1 << 20, f"{file} is too large")
        text = "".join(log_text(f"{directory}/{file}") for file in files)
        check(lines_to(100000).endswith(text) and len(text) > 100000, "the last lines are not all there")


class FakeJournal:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(path)

    def entries(self, count):
        self.socket.settimeout(10)
        for _ in range(count):
            lines = self.socket.recv(1 << 17).decode().split("\n")
            yield dict(line.split("=", 1) for line in lines if line)


@test("a journal gets each line with the names of container and pod; one that is not there is only warned of")
def _(_):
    path = harness.BASE + "/journal.socket"
    with another_node("journal", f'[container_log]\njournal = "{path}"\n') as node, node.run_pod() as pod:
        alone = pod.start(["echo", "nobody listens"])
        equal(alone.wait(), 0)
        contains(node.log_tail(50), "will not be in the journal")
        journal = FakeJournal(path)
        container = pod.start(["sh", "-c", "echo out; sleep 0.2; echo err >&2"])
        equal(container.wait(), 0)
        first, second = journal.entries(2)
        equal((first["MESSAGE"], first["PRIORITY"], second["MESSAGE"], second["PRIORITY"]), ("out", "6", "err", "3"))
        equal((first["CONTAINER_ID_FULL"], first["CONTAINER_NAME"]), (container.id, container.config["metadata"]["name"]))
        equal((first["POD_NAME"], first["POD_UID"]), (pod.config["metadata"]["name"], pod.config["metadata"]["uid"]))
        equal(container.output(), "out\nerr\n")


@test("systemd's journal finds a container's lines by its ID")
def _(_):
    journal = "/run/systemd/journal/socket"
    if not os.path.exists(journal):
        raise harness.Skip("systemd's journal does not run here: ./dev node has it")
    with another_node("journald", f'[container_log]\njournal = "{journal}"\n') as node, node.run_pod() as pod:
        container = pod.start(["sh", "-c", "echo hello journal"])
        equal(container.wait(), 0)

        def entry():
            line = [need("journalctl"), "-D", "/run/log/journal", "-o", "json", f"CONTAINER_ID_FULL={container.id}"]
            text = subprocess.run(line, capture_output=True, text=True, check=True).stdout
            return json.loads(text) if text.strip() else None

        equal(wait_until(entry, what="the journal's entry")["MESSAGE"], "hello journal")
