# SPDX-License-Identifier: Apache-2.0
"""A real systemd, for the suites that run beside one."""
import os
import subprocess

from harness import Skip

CGROUPS = "/sys/fs/cgroup"


def need_systemd():
    if os.geteuid() != 0:
        raise Skip("not root")
    if not os.path.isdir("/run/systemd/system"):
        raise Skip("systemd is not PID 1 here")
    if not os.path.exists(CGROUPS + "/cgroup.controllers"):
        raise Skip("this host has more than cgroup v2")


def show(unit, *properties):
    done = subprocess.run(["systemctl", "show", unit, "-p", ",".join(properties)], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines())
