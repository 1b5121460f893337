# SPDX-License-Identifier: Apache-2.0
"""Logs on disks that hang or are slow. Nothing else of the pod waits for them, nothing is torn, and what is lost is counted."""
import contextlib
import fcntl
import os
import re
import signal
import subprocess
import threading
import time

from harness import BASE, Skip, another_node, check, contains, equal, need, refused, test, wait_until
from pods import log_text

# Far more than anything here takes, far less than a disk that stands still.
SOON = 8
BLOCK = 1000
FIFREEZE, FITHAW = 0xC0045877, 0xC0045878


@contextlib.contextmanager
def image(name):
    path, place = f"{BASE}/{name}.img", f"{BASE}/{name}"
    os.makedirs(place, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(200 << 20)
    subprocess.run([need("mkfs.ext4"), "-q", path], check=True, capture_output=True)
    try:
        yield path, place
    finally:
        subprocess.run(["umount", "-l", place], capture_output=True)
        os.remove(path)


@contextlib.contextmanager
def disk(name="disk"):
    """An ext4 of its own, which can be frozen."""
    subprocess.run(["modprobe", "-aq", "loop"])  # where it is a module
    with image(name) as (path, place):
        mounted = subprocess.run(["mount", "-o", "loop", path, place], capture_output=True, text=True)
        if mounted.returncode:
            raise Skip(f"no file system in a file here: {mounted.stderr.strip()}")
        yield place


class Frozen:
    """Who writes to the disk meanwhile stands still, and no signal ends that."""

    def __init__(self, place):
        self.place = place

    def __enter__(self):
        self.fd = os.open(self.place, os.O_RDONLY)
        fcntl.ioctl(self.fd, FIFREEZE, 0)
        return self

    def __exit__(self, *_):
        fcntl.ioctl(self.fd, FITHAW, 0)
        os.close(self.fd)


@contextlib.contextmanager
def stuttering(place):
    """The disk stands still most of the time."""
    stop = threading.Event()

    def stutter():
        while not stop.is_set():
            began = time.monotonic()
            with Frozen(place):
                stop.wait(0.1)
            longest[0] = max(longest[0], time.monotonic() - began)
            stop.wait(0.03)

    longest = [0]
    thread = threading.Thread(target=stutter)
    thread.start()
    try:
        yield longest
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def quickly(what):
    began = time.monotonic()
    yield
    seconds = time.monotonic() - began
    check(seconds < SOON, f"{what} took {seconds:.1f} s")


def flood():
    """Blocks of numbered lines, until /stop is there; /progress has the number of the last block."""
    return ["sh", "-c", f"i=0; while [ ! -e /stop ]; do i=$((i+1)); seq $((i*{BLOCK})) $((i*{BLOCK}+{BLOCK - 1})); "
                        "echo $i >/progress; sleep 0.01; done"]


def progress(container):
    return int(container.exec("cat", "/progress").out or 0)


def finish(container):
    container.exec("touch", "/stop")
    equal(container.wait(SOON), 0)


def numbers(text):
    """Of whole records only."""
    lines = text.split("\n")
    equal(lines.pop(), "", "the end of the log")
    check(all(line.isdigit() for line in lines), "a record is torn")
    return [int(line) for line in lines]


def is_complete(text, last):
    """Numbers are not shown: there are too many."""
    present = numbers(text)
    missing = sorted(set(range(1, last + 1)) - set(present))
    check(not missing, lambda: f"{len(missing)} of {last} are missing, the first is {missing[0]}")
    check(present == list(range(1, last + 1)), "the order is not that of the container")


def lost_bytes(node, container):
    lines = [line for line in node.log_tail(200).splitlines() if container.id in line and "could not be written" in line]
    return sum(int(number) for line in lines for number in re.findall(r"\bbytes=\"?(\d+)", line))


@test("while a log's disk stands still all else of the pod goes on, its container does, and what is lost is counted to the byte")
def _(node):
    with disk() as place, disk("other") as other, node.run_pod(log_directory=place) as pod:
        os.makedirs(place + "/other")
        subprocess.run(["mount", "--bind", other, place + "/other"], check=True)
        try:
            hung = pod.start(flood())
            neighbour = pod.start(flood(), log_path="other/neighbour.log")
            waiting = pod.create(["sleep", "1000"], log_path="other/waiting.log")
            wait_until(lambda: progress(hung) > 3 and progress(neighbour) > 3, 20, "output")
            with Frozen(place):
                goes_on(node, pod, hung, neighbour, waiting)
            blocks = progress(hung)
            wait_until(lambda: progress(hung) > blocks + 3, 20, "output after the thaw")
            finish(hung)
            is_exact(node, hung)
            finish(neighbour)
            present = numbers(neighbour.output())
            check(present == list(range(BLOCK, BLOCK + len(present))), f"the other log lacks {lost_bytes(node, neighbour)} bytes")
        finally:
            subprocess.run(["umount", "-l", place + "/other"], check=True)


def goes_on(node, pod, hung, neighbour, waiting):
    began = time.monotonic()
    while time.monotonic() - began < 5:
        before = progress(hung), progress(neighbour), os.path.getsize(neighbour.log_file())
        time.sleep(2.5)  # what a container may wait for its disk when it begins to stand still, and a little more
        after = progress(hung), progress(neighbour), os.path.getsize(neighbour.log_file())
        check(all(new > old for new, old in zip(after, before)), f"something stands still: {before} and then {after}")
    with quickly("a start"):
        waiting.start()
    with quickly("an exec"):
        equal(waiting.exec("echo", "alive").out, "alive\n")
    with quickly("looking"):
        equal(hung.status()["state"], "CONTAINER_RUNNING")
        equal(len(node.cri.ListContainers(filter={"pod_sandbox_id": pod.id})["containers"]), 3)
    with quickly("a stop"):
        waiting.stop()
    with quickly("reopening"):
        refused("DEADLINE_EXCEEDED", ["the disk of the log", "does not answer"], node.cri.ReopenContainerLog,
                container_id=hung.id)
    with quickly("a creation"):
        refused("INTERNAL", ["open the log", "Connection timed out"], pod.create, ["true"])


def is_exact(node, container):
    present = numbers(container.output())
    check(present == sorted(set(present)), "the order is not that of the container")
    missing = set(range(BLOCK, present[-1] + 1)) - set(present)
    check(missing, "nothing was lost, although the disk stood still")
    record = len("2026-01-02T03:04:05.123456789Z stdout F ") + 1
    equal(lost_bytes(node, container), sum(record + len(str(number)) for number in missing))


@test("a container that ends while its log's disk stands still is seen, stopped and removed with its pod, daemon restarts or not")
def _(node):
    before = node.leftovers()
    with disk() as place:
        pod = node.run_pod(log_directory=place)
        ends = pod.start(["sh", "-c", "echo first; while [ ! -e /stop ]; do sleep 0.05; done; echo last; exit 7"])
        stopped = pod.start(["sh", "-c", "while :; do echo line; sleep 0.01; done"])
        wait_until(lambda: ends.output() == "first\n", what="output")
        with Frozen(place):
            time.sleep(0.5)
            ends.exec("touch", "/stop")
            with quickly("the end"):
                equal(ends.wait(SOON), 7)
            with quickly("a restart of the daemon"):
                node.restart()
            with quickly("an exec"):
                equal(stopped.exec("echo", "alive").out, "alive\n")
            with quickly("a stop"):
                stopped.stop()
            with quickly("the end of the pod"):
                pod.stop()
                pod.remove()
            node.expect_nothing_left(before)
        wait_until(lambda: lost_bytes(node, ends) > 0, what="count of what was lost")
    node.expect_nothing_left(before)


def whole_log(place, name):
    names = [each for each in os.listdir(place) if each.startswith(name + ".log")]
    names.sort(key=lambda each: -int(each.partition(".log.")[2] or 0))
    return len(names), "".join(log_text(f"{place}/{each}") for each in names)


def write_while_it_stutters(node, place, files):
    """A machine that is too busy to wake the disk in time makes it one that hangs: then once more."""
    last = 100000
    for number in range(5):
        with node.run_pod(log_directory=place) as pod, stuttering(place) as longest:
            container = pod.start(["seq", str(last)], name=f"writer{number}")
            equal(container.wait(60), 0)
        if longest[0] > 1:
            continue
        count, text = whole_log(place, f"writer{number}")
        check(count >= files, f"{count} files")
        return is_complete(text, last)
    raise Skip("the disk stood still for longer than it was to, each time: this machine is too busy")


@test("a disk that stands still most of the time loses nothing, rotated or not")
def _(node):
    with disk() as place:
        write_while_it_stutters(node, place, 1)
    with disk() as place, another_node("rotates", "[container_log]\nmax_size = 1048576\nmax_files = 50\n") as rotating:
        write_while_it_stutters(rotating, place, 4)


@test("with when_full = wait a container waits for a disk that stands still, and nothing is lost")
def _(_):
    last = 100000
    with disk() as place, another_node("patient", '[container_log]\nwhen_full = "wait"\n') as node, \
            node.run_pod(log_directory=place) as pod:
        container = pod.start(["sh", "-c", f"while [ ! -e /go ]; do sleep 0.05; done; seq {last}; touch /written; sleep 1000"])
        with Frozen(place):
            container.exec("touch", "/go")
            time.sleep(3)
            equal(container.exec("ls", "/written").code, 1)
        wait_until(lambda: container.exec("ls", "/written").code == 0, 30, "the rest")
        container.stop()
        is_complete(container.output(), last)


@test("a file system whose server does not answer holds up no exec, although the log is open on it")
def _(node):
    with image("fuse") as (path, place):
        server = subprocess.Popen([need("fuse2fs"), "-f", "-o", "fakeroot", path, place], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: os.path.ismount(place) or server.poll() is not None, what="mount")
            if server.poll() is not None:
                raise Skip("no FUSE here")
            with node.run_pod(log_directory=place) as pod:
                container = pod.start(["sh", "-c", "while :; do echo line; sleep 0.01; done"])
                wait_until(container.output, what="output")
                server.send_signal(signal.SIGSTOP)
                time.sleep(0.5)
                for _ in range(3):
                    with quickly("an exec"):
                        equal(container.exec("echo", "alive").out, "alive\n")
                with quickly("a stop"):
                    container.stop()
        finally:
            server.send_signal(signal.SIGCONT)
            subprocess.run(["umount", "-l", place], capture_output=True)
            server.terminate()
            server.wait(20)
