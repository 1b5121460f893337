# SPDX-License-Identifier: Apache-2.0
"""A node on a user-mode-linux kernel, in namespaces of its own, on a copy-on-write view of the root image:
boots in ten seconds and sees the host's directories."""
import contextlib
import os
import shlex
import signal
import subprocess

import debian
import machine

# con0 is the console, ttyS0 the line.
ARGUMENTS = ["mem=" + machine.MEMORY, "con=null", "ssl=null", "seccomp=on"]


class UserMode(machine.Machine):
    line, terminal = "/dev/ttyS0", "/dev/tty0"

    def __init__(self, shares, environment, directory, module="apparmor"):
        """`module`: the security module that confines."""
        super().__init__(shares, environment, directory)
        debian.run("unshare", "-m", "-p", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt")  # a container may not
        self.image, self.kernel, self.module = debian.root_image(), debian.user_mode_kernel(), module

    def mounts(self):
        shares = [f"mkdir -p {path} && mount -t hostfs -o ro,{path} none {path}" for path in map(shlex.quote, self.shares)]
        return ["mount -t hostfs -o /node/lib/modules none /usr/lib/modules", *shares]

    def start(self, work, line, console, interactive):
        arguments = [f"con0=fd:0,fd:{1 if interactive else 2}", f"ssl0=null,fd:{line.fileno()}", *ARGUMENTS,
                     *machine.ARGUMENTS, f"security={self.module}", f"{self.module}=1"]
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "-m", "-p", "--fork", "--kill-child", "--propagation", "private",
                   "sh", machine.HERE + "/boot.sh", work, self.kernel, self.image, "\n".join(self.shares), *arguments]
        with contextlib.ExitStack() as stack:
            log = None if interactive else stack.enter_context(open(console, "w"))
            # Of a session of its own: Ctrl-C is for us, who end it.
            return subprocess.Popen(command, stdin=subprocess.DEVNULL if log else None, stdout=log, stderr=log,
                                    pass_fds=(line.fileno(),), start_new_session=True)

    def end(self, process):
        """Kills the machine, which is the first process of its namespace, and lets unshare reap it."""
        try:
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
                for child in file.read().split():
                    os.kill(int(child), signal.SIGKILL)
            process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            super().end(process)  # the namespace goes with it: --kill-child
