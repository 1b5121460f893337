# SPDX-License-Identifier: Apache-2.0
"""A node on a whole machine that QEMU emulates: for what user-mode-linux has not, a second processor and
the rest of cgroup v2 among it. It boots in a minute, so that is done once: every node goes on from a
snapshot of a booted one, in two seconds. Its job and the host's directories come on a disk, as a tar archive."""
import contextlib
import json
import lzma
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import debian
import machine

JOB_BYTES = 2 << 30  # of the disk: the same for every job, as the snapshot knows it
BOOT_SECONDS = 300  # half a minute on a machine that does nothing else
SETTLE_SECONDS = 2
# Of hosts: what programs are built from, and checkouts.
LEFT_OUT = [".git", "build-*", "*.p", "*.a", "*.o", "logs", "tests/unit", "tests/fuzz", "tests/bench", "meson-*", "proto"]

# The root's disk needs a module.
INIT = """#!/bin/busybox sh
/bin/busybox insmod /virtio_blk.ko
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t ext4 /dev/vda /root
exec /bin/busybox switch_root /root /sbin/init
"""


def _cpio(files):
    """An archive as kernels take it for their first root: {name: (mode, content)}."""
    archive = b""
    for number, (name, (mode, content)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))]):
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        for part in (b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0", content):
            archive += part + b"\0" * (-len(part) % 4)
    return archive


def _initial_root(modules):
    (driver,) = [os.path.join(place, "virtio_blk.ko.xz") for place, _, names in os.walk(modules) if "virtio_blk.ko.xz" in names]
    with lzma.open(driver) as module, open(shutil.which("busybox"), "rb") as busybox:
        directories = {name: (0o40755, b"") for name in ("dev", "root", "bin")}
        return _cpio({**directories, "init": (0o100755, INIT.encode()), "bin/busybox": (0o100755, busybox.read()),
                      "virtio_blk.ko": (0o100644, module.read())})


def _archive(path, *arguments):
    """A disk with a tar archive on it."""
    debian.run("tar", "-cf", path, *arguments)
    if os.path.getsize(path) > JOB_BYTES:
        raise debian.Unavailable("the build is too large for the node's disk")
    os.truncate(path, JOB_BYTES)


class _Emulator:
    """A QEMU process. `job`: the file of the job's disk. More arguments say where its state comes from."""

    def __init__(self, work, kernel, disk, job, line, console, *arguments, terminal=False):
        self.control = work + "/control"
        half = int(machine.MEMORY.rstrip("M")) // 2
        words = " ".join(["root=/dev/vda", "console=hvc0", "node.job=/dev/vdb", "mitigations=off", "nokaslr", "audit=0",
                          "lsm=landlock",  # a parser of profiles takes seconds here: they are user-mode-linux's part
                          *machine.ARGUMENTS])
        command = [
            "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none",
            "-machine", "q35", "-accel", "tcg,thread=multi,tb-size=512",
            "-cpu", "max,-cx16",  # emulated by QEMU 7.2, that instruction ends in double faults
            "-smp", "2", "-m", machine.MEMORY,
            "-object", f"memory-backend-ram,id=m0,size={half}M", "-object", f"memory-backend-ram,id=m1,size={half}M",
            "-numa", "node,cpus=0,memdev=m0", "-numa", "node,cpus=1,memdev=m1",
            "-kernel", kernel + "/vmlinuz", "-initrd", disk + ".initrd", "-append", words,
            "-drive", f"file={disk},if=none,id=root,format=qcow2,snapshot={'on' if '-incoming' in arguments else 'off'}",
            "-device", "virtio-blk-pci,drive=root",
            "-drive", f"file={job},if=none,id=job,format=raw,read-only=on", "-device", "virtio-blk-pci,drive=job",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", f"file,id=console,path={console}", "-device", "virtconsole,chardev=console",
            "-chardev", f"socket,id=line,fd={line.fileno()}", "-device", "virtconsole,chardev=line",
            "-chardev", "stdio,id=terminal,signal=off" if terminal else "null,id=terminal",
            "-device", "virtconsole,chardev=terminal",
            "-qmp", f"unix:{self.control},server=on,wait=off", *arguments]
        log = None if terminal else open(work + "/qemu.log", "w")
        with log or contextlib.nullcontext():
            self.process = subprocess.Popen(command, stdin=None if terminal else subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=(line.fileno(),), env={**os.environ, "TMPDIR": work},
                                            start_new_session=not terminal)  # Ctrl-C is for us, who end it

    def save(self, path):
        """Writes the state of the machine, which ends it."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(self.control)
            replies = control.makefile("r")
            replies.readline()  # its greeting

            def ask(command, **arguments):
                control.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
                while True:
                    reply = json.loads(replies.readline())
                    if "return" in reply:
                        return reply["return"]
                    if "error" in reply:
                        raise debian.Unavailable(f"QEMU: {command}: {reply['error']['desc']}")
            ask("qmp_capabilities")
            ask("migrate-set-parameters", **{"max-bandwidth": 8 << 30})
            ask("migrate", uri=f"exec:zstd -q -1 >{path}")
            while (status := ask("query-migrate")["status"]) != "completed":
                if status in ("failed", "cancelled"):
                    raise debian.Unavailable("QEMU could not save the machine's state")
                time.sleep(0.1)
            ask("quit")
        self.process.wait(30)


def _take_snapshot(directory, kernel, image):
    """Boots a machine up to the point where it waits for a job: DIRECTORY/disk, disk.initrd, state."""
    disk = directory + "/disk"
    with open(disk + ".initrd", "wb") as file:
        file.write(_initial_root(kernel + "/node/lib/modules"))
    debian.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image, disk)
    with tempfile.TemporaryDirectory(prefix="berth-node.") as work:
        _archive(work + "/job", "-C", kernel + "/node", "--transform", "s,^lib/,usr/lib/,", "lib/modules")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            emulator = _Emulator(work, kernel, disk, work + "/job", theirs, work + "/console")
            theirs.close()
            try:
                machine.next_part(ours, BOOT_SECONDS, "boot")
                time.sleep(SETTLE_SECONDS)  # what it does for nobody, it does not do in every node
                emulator.save(directory + "/state")
            except machine.Died as reason:
                raise debian.Unavailable(str(reason) + machine.tail(work + "/console") + machine.tail(work + "/qemu.log")) from None
            finally:
                emulator.process.kill()
                emulator.process.wait()


def _snapshot(kernel, image):
    """The directory of the snapshot, taken if it is not there."""
    for program in ("qemu-system-x86_64", "qemu-img", "zstd", "busybox", "setpriv"):
        debian.need(program, {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils"}.get(program, program))
    with open(__file__) as recipe:
        name = "snapshot-" + debian.digest(kernel, image, recipe.read(), debian.run("qemu-system-x86_64", "--version"), *machine.ARGUMENTS)
    with debian.locked():
        if not os.path.exists(f"{debian.CACHE}/{name}"):
            began = time.monotonic()
            debian.say("booting an emulated machine, for a snapshot (once; about a minute)")
            with debian.workshop(name) as directory:
                _take_snapshot(directory, kernel, image)
            debian.say(f"the snapshot is taken, in {time.monotonic() - began:.0f} s")
        debian.remove_others("snapshot-*", name)
    return f"{debian.CACHE}/{name}"


class Emulated(machine.Machine):
    line, terminal = "/dev/hvc1", "/dev/hvc2"

    def __init__(self, shares, environment, directory):
        super().__init__(shares, environment, directory)
        if platform.machine() != "x86_64":
            raise debian.Unavailable("only x86-64 is emulated")
        self.kernel = debian.cloud_kernel()
        self.snapshot = _snapshot(self.kernel, debian.root_image())

    def start(self, work, line, console, interactive):
        leave_out = [f"--exclude={pattern}" for pattern in LEFT_OUT]
        _archive(work + "/disk", *leave_out, "-C", work, "job", "-C", "/", *[path.lstrip("/") for path in self.shares])
        incoming = ["-incoming", f"exec:zstd -q -d -c {self.snapshot}/state"]
        return _Emulator(work, self.kernel, self.snapshot + "/disk", work + "/disk", line, console, *incoming,
                         terminal=interactive).process

    def started(self, line):
        line.sendall(b"%d\n" % time.time())
