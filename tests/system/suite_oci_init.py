# SPDX-License-Identifier: Apache-2.0
"""The init that a container of berth-oci asks for with the annotation dev.berth.init."""
import os
import pty
import subprocess
import time

from harness import contains, equal, test, wait_until
from oci import runtime

INIT = """trap 'echo told; exit 7' TERM; (sleep 0.05 &) ; echo ready; while :; do sleep 0.05; done"""


def with_init(kind):
    return lambda config: config.update(annotations={"dev.berth.init": kind})


@test("an init that was asked for is PID 1, reaps what others left and hands signals on")
def _(_node):
    with runtime() as oci:
        equal(oci.bundle("sh", "-c", "exit 7", change=with_init("true")).run(status=7), "")
        equal(oci.bundle("sh", "-c", "kill -KILL $$", change=with_init("true")).run(status=137), "")
        equal(oci.bundle("/no/such", change=with_init("true")).run(status=127), "")
        box = oci.bundle("sh", "-c", INIT, change=with_init("true"))
        box.create()
        box.start()
        wait_until(lambda: "ready" in box.out(), what="the program")
        contains(box.exec("cat", "/proc/1/cmdline").replace("\0", " "), "/dev/init init -- sh -c")
        box.exec("sh", "-c", "(sleep 0.1 &)")
        time.sleep(0.3)
        zombies = "for s in /proc/[0-9]*/stat; do read -r line <$s && case $line in *') Z '*) echo $line;; esac; done"
        equal(box.exec("sh", "-c", zombies), "", "zombies")
        equal(box.exec("sh", "-c", "echo >/dev/init", status=1), "", "what init's file takes")
        oci.call("kill", box.id, "TERM")
        oci.wait_stopped(box.id)
        contains(box.out(), "told", "what the program heard")


@test("an init for a group tells every process of the program's")
def _(_node):
    with runtime() as oci:
        # The shell waits for its child and does not look at its own signals meanwhile: told alone, it stays.
        lonely = "trap 'echo told; exit 7' TERM; echo ready; sleep 1000; echo woken"
        for kind, heard in (("true", False), ("group", True)):
            box = oci.bundle("sh", "-c", lonely, change=with_init(kind))
            box.create()
            box.start()
            wait_until(lambda box=box: "ready" in box.out(), what="the program")
            # Between its fork and its execve the child would lose what it hears.
            wait_until(lambda box=box: "sleep" in oci.call("ps", box.id, "-o", "pid,comm"), what="its child")
            oci.call("kill", box.id, "TERM")
            if heard:
                oci.wait_stopped(box.id)
                contains(box.out(), "told", kind)
            else:
                time.sleep(0.5)
                equal(oci.status(box.id), "running", kind)


@test("an init gives the terminal to its program, whose keyboard signals do not reach the init")
def _(_node):
    with runtime() as oci:
        def change(config):
            with_init("true")(config)
            config["process"]["terminal"] = True
        box = oci.bundle("sh", "-c", "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done", change=change)
        master, slave = pty.openpty()
        process = subprocess.Popen(oci.command("run", "-b", box.dir, box.id), stdin=slave, stdout=slave, stderr=slave,
                                   start_new_session=True)
        os.close(slave)
        text = b""
        while b"ready" not in text:
            text += os.read(master, 4096)
        os.write(master, b"\x03")
        equal(process.wait(30), 5, "the exit status")
        os.close(master)
