# SPDX-License-Identifier: Apache-2.0
"""A virtual node that runs one job and ends: what its kinds have in common. The job's output comes through
a line of its own, which begins with a NUL when the job does and ends with its exit status."""
import contextlib
import os
import select
import shlex
import shutil
import signal
import socket
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY = "3072M"
BOOT_SECONDS = 120
END = b"\0node ended "  # the job's last words on its line to the host, with the exit status

# Arguments of every kernel.
ARGUMENTS = ["rw", "quiet", "panic=-1", "systemd.unit=node.target", "systemd.show_status=0", "systemd.log_level=notice"]


class Died(Exception):
    """The machine ended without the job's status."""


class Machine:
    """`shares` are host directories that the node sees under the same paths. A kind of node has a `line`
    and a `terminal` (devices in the node) and says how it starts and ends."""
    line = terminal = None

    def __init__(self, shares, environment, directory):
        self.shares = [path for path in sorted(set(shares)) if not any(path.startswith(other + "/") for other in shares)]
        self.environment, self.directory = environment, directory

    def start(self, work, line, console, interactive):
        """The process of a machine that runs `work`/job/start. `line` is the host's end of its line; what the
        kernel says goes to the file `console`."""
        raise NotImplementedError

    def end(self, process):
        process.kill()
        process.wait()

    def mounts(self):
        """Lines of the job that make the shares visible."""
        return []

    def run(self, command, interactive=False, seconds=None, output=None):
        """The exit status of `command`; what it prints goes to `output` (stdout) as it comes. Died after `seconds`."""
        with self._booted(command, interactive) as (process, line, console):
            try:
                return _copy(line, output or sys.stdout.buffer, seconds)
            except Died as reason:
                self.end(process)
                raise Died(str(reason) + tail(console)) from None

    @contextlib.contextmanager
    def _booted(self, command, interactive):
        work = tempfile.mkdtemp(prefix="berth-node.")
        ours, theirs = socket.socketpair()
        saved = termios.tcgetattr(0) if interactive else None
        process = None
        try:
            os.mkdir(work + "/job")
            with open(work + "/job/start", "w") as file:
                file.write(self._job(command, interactive))
            process = self.start(work, theirs, work + "/console", interactive)
            theirs.close()
            self.started(ours)
            yield process, ours, work + "/console"
        finally:
            if process:
                self.end(process)
            ours.close()
            theirs.close()
            if saved:
                termios.tcsetattr(0, termios.TCSADRAIN, saved)
            shutil.rmtree(work)

    def started(self, line):
        """Called when the machine has begun to boot."""

    def _job(self, command, interactive):
        """What the node runs, as a shell script."""
        exports = [f"export {name}={shlex.quote(value)}" for name, value in self.environment.items()]
        words = shlex.join(command)
        # Through a pipe, for programs that behave differently on a terminal.
        run = (f"setsid -c -w {words} <{self.terminal} >{self.terminal} 2>&1; status=$?" if interactive else
               f"{{ {words}; echo $? >/run/status; }} </dev/null 2>&1 | cat >{self.line}; read status </run/status")
        return "\n".join([
            f"stty -F {self.line} raw -echo", *self.mounts(), *exports, f"cd {shlex.quote(self.directory)}",
            f"printf '\\0' >{self.line}", run, f"printf '\\0node ended %d\\n' $status >{self.line}", "exec sleep infinity", ""])


def tail(console):
    if not os.path.exists(console):
        return ""  # it was the terminal
    with open(console, errors="replace") as file:
        return "; its console said at last:\n" + "".join(f"  {line}" for line in file.readlines()[-15:])


def _copy(line, output, seconds):
    """Copies the job's output until its last words, and returns the status in them."""
    text = next_part(line, BOOT_SECONDS, "boot")[1:]  # the first byte only says that the job runs
    deadline = time.monotonic() + seconds if seconds else None
    while True:
        # The last words begin with a NUL; what follows one is kept until it is clear what it is.
        plain, nul, rest = text.partition(b"\0")
        output.write(plain)
        output.flush()
        text = nul + rest
        if text.startswith(END) and text.endswith(b"\n"):
            return int(text[len(END):])
        if text and not END.startswith(text[:len(END)]):
            output.write(nul)
            text = rest
        else:
            text += next_part(line, deadline and deadline - time.monotonic(), "end its job")


def next_part(line, seconds, what):
    """More of the job's output, waited for at most `seconds` (None: for ever)."""
    if not select.select([line], [], [], None if seconds is None else max(seconds, 0))[0]:
        raise Died(f"the node did not {what} in time")
    data = line.recv(65536)
    if not data:
        raise Died("the node went down")
    return data


def on_signals():
    """SIGTERM and SIGHUP end like Ctrl-C: everything is cleaned up on the way out."""
    def stop(number, _):
        raise KeyboardInterrupt(number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
