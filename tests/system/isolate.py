# SPDX-License-Identifier: Apache-2.0
"""A machine within the machine: PID, mount and network namespaces and a cgroup parent of its own.
Whatever happens in it, also a crash or kill -9 of the tests, ends with its last process; only the
cgroups are left to remove, which the process outside does."""
import os
import signal
import subprocess
import sys
import time

_PARENT = "BERTH_TEST_CGROUP_PARENT"
CGROUPS = "/sys/fs/cgroup"


def is_inside():
    return _PARENT in os.environ


def enter():
    """Returns inside, as root of an empty node; outside it waits for that and exits with its status."""
    if os.geteuid() != 0:
        skip_everything("not root")
    if _PARENT in os.environ:
        if os.getpid() == 1:
            _be_init()
        _set_up_node()
        return
    parent = f"/berth-test-{os.getpid()}"
    command = ["unshare", "-m", "-n", "-p", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
               sys.executable, *sys.argv]
    inside = subprocess.Popen(command, env={**os.environ, _PARENT: parent})
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: inside.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the inside as well
    status = inside.wait()
    remove_cgroups(parent)
    sys.stdout.flush()
    os._exit(status if status >= 0 else 128 - status)


def cgroup_parent():
    return os.environ[_PARENT]


def skip_everything(reason):
    print(f"skip all # {reason}\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def _be_init():
    """PID 1 forks the tests off and reaps; when it ends, the kernel kills what is left."""
    child = os.fork()
    if child == 0:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _set_up_node():
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    journal = {path: os.open(path, os.O_PATH) for path in ("/run/systemd/journal", "/run/log/journal") if os.path.isdir(path)}
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for path, fd in journal.items():
        os.makedirs(path)
        _run("mount", "-c", "--bind", f"/proc/{os.getpid()}/fd/{fd}", path)  # -c: the link is not a name
        os.close(fd)
    os.makedirs("/var/lib/cni", exist_ok=True)
    _run("mount", "-t", "tmpfs", "tmpfs", "/var/lib/cni")
    # A sysfs of this network namespace hides the cgroup mounts: they are carried over.
    os.makedirs("/run/cgroup")
    _run("mount", "--rbind", CGROUPS, "/run/cgroup")
    _run("mount", "-t", "sysfs", "sysfs", "/sys")
    _run("mount", "--move", "/run/cgroup", CGROUPS)
    if os.path.exists("/sys/module/apparmor"):
        _run("mount", "-t", "securityfs", "securityfs", "/sys/kernel/security")
    if os.path.isdir("/sys/fs/selinux"):
        _run("mount", "-t", "selinuxfs", "selinuxfs", "/sys/fs/selinux")
    _run("ip", "link", "set", "lo", "up")
    with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
        file.write("1")


def hierarchies():
    """Mount points of all cgroup hierarchies, once each: one may be mounted over another."""
    with open("/proc/self/mountinfo") as file:
        lines = [line.split(" - ") for line in file]
    return list(dict.fromkeys(left.split()[4] for left, right in lines if right.split()[0] in ("cgroup", "cgroup2")))


def cgroups_below(parent):
    """(hierarchy, path in it) of `parent` and all below, the deepest first."""
    found = []
    for hierarchy in hierarchies():
        for directory, _, _ in os.walk(hierarchy + parent, topdown=False):
            found.append((hierarchy, directory[len(hierarchy):]))
    return found


def remove_cgroups(parent):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = 0
        for hierarchy, path in cgroups_below(parent):
            try:
                os.rmdir(hierarchy + path)
            except OSError:
                left += 1
        if not left:
            return
        time.sleep(0.1)
    print(f"cgroups below {parent} could not be removed", file=sys.stderr)
