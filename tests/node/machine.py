# SPDX-License-Identifier: Apache-2.0
"""One boot of a virtual node: a user-mode-linux kernel in namespaces of its own, on a copy-on-write
view of the root image, that runs one job and ends."""
import contextlib
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

import debian

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY = "3072M"
BOOT_SECONDS = 120
END = b"\0node ended "  # the job's last words on its line to the host, with the exit status

# Arguments of the kernel. con0 is the console, ttyS0 the job's output.
ARGUMENTS = ["mem=" + MEMORY, "con=null", "ssl=null", "quiet", "panic=-1", "seccomp=on", "security=apparmor", "apparmor=1",
             "systemd.unit=node.target", "systemd.show_status=0", "systemd.log_level=notice"]


class Died(Exception):
    """The machine ended without the job's status."""


class Machine:
    """`shares` are host directories that the node sees under the same paths."""

    def __init__(self, shares, environment, directory):
        self.shares = [path for path in sorted(set(shares)) if not any(path.startswith(other + "/") for other in shares)]
        self.environment, self.directory = environment, directory
        debian.run("unshare", "-m", "-p", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt")  # a container may not
        self.image, self.kernel = debian.root_image(), debian.kernel()

    def run(self, command, interactive=False, seconds=None):
        """The exit status of `command`; what it prints goes to stdout as it comes. Died after `seconds`."""
        with self._booted(command, interactive) as (process, lines, console):
            try:
                return _copy(lines, sys.stdout.buffer, seconds)
            except Died as reason:
                _end(process)
                raise Died(str(reason) + _tail(console)) from None

    @contextlib.contextmanager
    def _booted(self, command, interactive):
        work = tempfile.mkdtemp(prefix="berth-node.")
        console = work + "/console"
        ours, theirs = os.pipe()
        terminal = termios.tcgetattr(0) if interactive else None
        process = None
        try:
            os.mkdir(work + "/job")
            with open(work + "/job/start", "w") as file:
                file.write(self._job(command, interactive))
            process = self._start(work, theirs, None if interactive else console)
            os.close(theirs)
            theirs = None
            yield process, ours, console
        finally:
            if process:
                _end(process)
            for descriptor in filter(lambda fd: fd is not None, (ours, theirs)):
                os.close(descriptor)
            if terminal:
                termios.tcsetattr(0, termios.TCSADRAIN, terminal)
            shutil.rmtree(work)

    def _start(self, work, lines, console):
        arguments = [f"con0=fd:0,fd:{1 if console is None else 2}", f"ssl0=null,fd:{lines}", *ARGUMENTS]
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "-m", "-p", "--fork", "--kill-child", "--propagation", "private", "sh", HERE + "/boot.sh", work,
                   self.kernel, self.image, "\n".join(self.shares), *arguments]
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(open(console, "w")) if console else None
            # Of a session of its own: Ctrl-C is for us, who end it.
            return subprocess.Popen(command, stdin=subprocess.DEVNULL if log else None, stdout=log, stderr=log,
                                    pass_fds=(lines,), start_new_session=True)

    def _job(self, command, interactive):
        """What the node runs, as a shell script."""
        mounts = [f"mkdir -p {path} && mount -t hostfs -o ro,{path} none {path}" for path in map(shlex.quote, self.shares)]
        exports = [f"export {name}={shlex.quote(value)}" for name, value in self.environment.items()]
        words = shlex.join(command)
        # Through a pipe, for programs that behave differently on a terminal.
        run = (f"setsid -c -w {words} </dev/tty0 >/dev/tty0 2>&1; status=$?" if interactive else
               f"{{ {words}; echo $? >/run/status; }} </dev/null 2>&1 | cat >/dev/ttyS0; read status </run/status")
        return "\n".join([
            "stty -F /dev/ttyS0 raw", "mount -t hostfs -o /node/lib/modules none /usr/lib/modules", *mounts, *exports,
            f"cd {shlex.quote(self.directory)}", "printf '\\0' >/dev/ttyS0", run,
            "printf '\\0node ended %d\\n' $status >/dev/ttyS0", "exec sleep infinity", ""])


def _tail(console):
    if not os.path.exists(console):
        return ""  # it was the terminal
    with open(console, errors="replace") as file:
        return "; its console said at last:\n" + "".join(f"  {line}" for line in file.readlines()[-15:])


def _copy(lines, output, seconds):
    """Copies the job's output until its last words, and returns the status in them."""
    text = _next(lines, BOOT_SECONDS, "boot")[1:]  # the first byte only says that the job runs
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
            text += _next(lines, deadline and deadline - time.monotonic(), "end its job")


def _end(process):
    """Kills the machine, which is the first process of its namespace, and lets unshare reap it."""
    try:
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            for child in file.read().split():
                os.kill(int(child), signal.SIGKILL)
        process.wait(10)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()  # the namespace goes with it: --kill-child
        process.wait()


def _next(lines, seconds, what):
    """More of the job's output, waited for at most `seconds` (None: for ever)."""
    if not select.select([lines], [], [], None if seconds is None else max(seconds, 0))[0]:
        raise Died(f"the node did not {what} in time")
    data = os.read(lines, 65536)
    if not data:
        raise Died("the node went down")
    return data


def on_signals():
    """SIGTERM and SIGHUP end like Ctrl-C: everything is cleaned up on the way out."""
    def stop(number, _):
        raise KeyboardInterrupt(number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
