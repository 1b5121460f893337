# SPDX-License-Identifier: Apache-2.0
"""Other engines with berth-oci as their runtime: Debian's podman, and containerd with its runc shim."""
import contextlib
import json
import os
import pty
import pwd
import shutil
import signal
import subprocess
import tempfile

from harness import BASE, SOURCE, check, contains, equal, need, outside, test, wait_until, write
from oci import DIRECTORY, OCI, _rootfs
from systemd import need_systemd

LIMIT = 64 << 20


class Engine:
    """An engine's command line, with all that it keeps below one directory."""

    def __init__(self, directory, *command):
        self.dir, self.line = directory, list(command)

    def __call__(self, *words, status=0, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run([*self.line, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, **more)
        equal(done.returncode, status, f"the exit status of {words}: {done.stdout}{done.stderr}")
        return done.stdout

    def on_terminal(self, *words):
        """With a terminal of 33 lines and 44 columns; what was written to it."""
        master, slave = pty.openpty()
        subprocess.run(["stty", "rows", "33", "cols", "44"], stdin=slave, check=True)
        process = subprocess.Popen([*self.line, *words], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        text = b""
        with contextlib.suppress(OSError):  # EIO: the last writer has gone
            while piece := os.read(master, 4096):
                text += piece
        os.close(master)
        equal(process.wait(60), 0, f"the exit status of {words}: {text.decode()}")
        return text.decode()


def remove(base):
    """Storage drivers bind their own directories, and leave that."""
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file]
    for point in reversed([point for point in points if point.startswith(base + "/")]):
        subprocess.run(["umount", point], check=True)

    def removed():
        shutil.rmtree(base, ignore_errors=True)  # podman cleans up in the background, and may still write there
        return not os.path.exists(base)
    wait_until(removed, what="removal of podman's files")


@contextlib.contextmanager
def podman(manager="cgroupfs", base=BASE):
    program = need("podman")
    need("conmon")
    # Its own each time: podman cleans up behind itself, and may still be about it when the next one starts.
    base = tempfile.mkdtemp(prefix="podman-", dir=base)
    os.chmod(base, 0o755)
    os.makedirs(DIRECTORY, exist_ok=True)
    _rootfs(base + "/rootfs")
    engine = Engine(base, program, "--root", base + "/root", "--runroot", base + "/run", "--tmpdir", base + "/tmp", "--storage-driver",
                    "vfs", "--runtime", OCI, "--cgroup-manager", manager, "--events-backend", "none")
    try:
        yield engine
    finally:
        subprocess.run([*engine.line, "rm", "-af", "-t", "0"], capture_output=True, timeout=60)
        remove(base)


def of_rootfs(engine, *words):
    return ("--network", "none", *words, "--rootfs", engine.dir + "/rootfs")


@test("podman: run, its streams, its exit status, and what it passes on")
def _(_node):
    with podman() as engine:
        equal(engine("run", *of_rootfs(engine, "--rm"), "sh", "-c", "echo from podman; exit 3", status=3), "from podman\n")
        equal(engine("run", *of_rootfs(engine, "--rm", "-i"), "cat", stdin=None, input="through\n"), "through\n")
        contains(engine("info"), OCI, "podman info")
        flags = ("--rm", "--read-only", "--cap-drop", "all", "--cap-add", "chown", "--security-opt", "no-new-privileges", "--user",
                 "1000:100", "--ulimit", "nofile=99:111", "--ulimit", "nproc=200:200", "--hostname", "box", "--memory", str(LIMIT), "--pids-limit", "50", "--shm-size",
                 "1m", "--tmpfs", "/tmp:size=1m", "--mount", f"type=bind,src={engine.dir},dst=/mnt,ro=true", "--env", "A=b", "--init=false")
        seen = engine("run", *of_rootfs(engine, *flags), "sh", "-c",
                      "id -u; id -g; grep -E 'CapBnd|NoNewPrivs' /proc/self/status; ulimit -n; hostname; echo $A; ls /mnt; touch /x /mnt/x 2>&1; true")
        for words in ("1000\n100\n", "CapBnd:\t0000000000000001\n", "NoNewPrivs:\t1\n", "99\nbox\nb\n", "rootfs", "/x: Read-only",
                      "/mnt/x: Read-only"):
            contains(seen, words, "what the container sees")
        passing = Engine(engine.dir, "sh", "-c", 'exec "$@" 3</etc/hostname', "sh", *engine.line)
        equal(passing("run", *of_rootfs(engine, "--rm", "--preserve-fds", "1"), "sh", "-c", "[ -e /proc/self/fd/3 ] && echo 3"), "3\n")
        engine("run", *of_rootfs(engine, "--rm"), "/no/such/program", status=127)


@test("podman: exec, logs, pause, stats, update, top, stop, restart, kill, rm")
def _(_node):
    with podman() as engine:
        engine("run", *of_rootfs(engine, "-d", "--name", "box"), "sh", "-c", "echo out; echo err >&2; sleep 1000")
        equal(engine("exec", "-e", "A=b", "--user", "7", "box", "sh", "-c", "echo $A; id -u; exit 5", status=5), "b\n7\n")
        equal(engine("exec", "-i", "box", "cat", stdin=None, input="in\n"), "in\n")
        equal(engine("logs", "box"), "out\n")
        engine("pause", "box")
        equal(engine("inspect", "box", "--format", "{{.State.Status}}"), "paused\n")
        engine("unpause", "box")
        stats = json.loads(engine("stats", "--no-stream", "--format", "json", "box"))[0]
        check(int(stats["pids"]) >= 1, f"no processes in {stats}")
        engine("update", "--memory", str(LIMIT), "box")
        contains(engine("exec", "box", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || :"),
                 str(LIMIT), "the limit in the container")
        contains(engine("top", "box"), "sleep 1000", "top")
        engine("stop", "-t", "0", "box")
        # conmon's exit command has cleaned up after it.
        wait_until(lambda: engine("inspect", "box", "--format", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137\n")
        engine("start", "box")
        engine("kill", "-s", "KILL", "box")
        equal(engine("wait", "box"), "137\n")
        engine("rm", "box")
        equal(engine("ps", "-aq"), "")


@test("podman: terminals of run and exec have the caller's size, and attach sees what is written")
def _(_node):
    with podman() as engine:
        contains(engine.on_terminal("run", *of_rootfs(engine, "--rm", "-it"), "sh", "-c", "sleep 0.5; tty; stty size"), "/dev/pts/0\r\n33 44\r\n")
        engine("run", *of_rootfs(engine, "-d", "-t", "--name", "box"), "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 0.5; echo turn $i; done")
        contains(engine.on_terminal("exec", "-it", "box", "sh", "-c", "sleep 0.5; tty; stty size"), "33 44\r\n")
        contains(engine("attach", "--no-stdin", "box"), "turn 8")
        equal(engine("wait", "box"), "0\n")


@test("podman without root: run, exec, logs, kill and rm, in a user namespace that it makes")
def _(_node):
    user, base = pwd.getpwnam("games"), BASE + "/user"
    for name in ("podman", "conmon", "setpriv"):
        need(name)
    os.makedirs(base + "/xdg")
    os.makedirs(DIRECTORY, exist_ok=True)
    _rootfs(base + "/rootfs")
    runtime = shutil.copy(OCI, base)
    for path in (base, base + "/xdg", base + "/rootfs", base + "/rootfs/etc"):
        os.chown(path, user.pw_uid, user.pw_gid)
    engine = Engine(base, "setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups", "env", "-C", base,
                    f"HOME={base}", f"XDG_RUNTIME_DIR={base}/xdg", "podman", "--root", base + "/root", "--runroot", base + "/run",
                    "--tmpdir", base + "/tmp", "--storage-driver", "vfs", "--runtime", runtime, "--cgroup-manager", "cgroupfs",
                    "--events-backend", "none")
    try:
        equal(engine("run", *of_rootfs(engine, "--rm"), "sh", "-c", "id -u; exit 3", status=3), "0\n")
        engine("run", *of_rootfs(engine, "-d", "--name", "box"), "sh", "-c", "echo out; sleep 1000")
        equal(engine("exec", "-e", "A=b", "box", "sh", "-c", "echo $A; exit 5", status=5), "b\n")
        equal(engine("logs", "box"), "out\n")
        equal(engine("exec", "box", "cat", "/proc/self/uid_map").split(), ["0", str(user.pw_uid), "1"])
        engine("kill", "-s", "KILL", "box")
        equal(engine("wait", "box"), "137\n")
        engine("rm", "box")
        equal(engine("ps", "-aq"), "")
    finally:
        subprocess.run([*engine.line, "rm", "-af", "-t", "0"], capture_output=True, timeout=60)
        with contextlib.suppress(OSError), open(base + "/tmp/pause.pid") as file:
            os.kill(int(file.read()), signal.SIGKILL)  # it holds podman's user namespace
        with contextlib.suppress(OSError):
            os.remove(f"/dev/shm/libpod_rootless_lock_{user.pw_uid}")
        remove(base)


@outside("podman with systemd's cgroups: a scope of its own, its limits, and nothing left")
def _():
    need_systemd()
    with tempfile.TemporaryDirectory(dir="/run") as base, podman("systemd", base) as engine:
        engine("run", *of_rootfs(engine, "-d", "--name", "box", "--memory", str(LIMIT), "--cgroupns", "host"), "sleep", "1000")
        group = engine("exec", "box", "cat", "/proc/1/cgroup").strip().removeprefix("0::")
        check(group.startswith("/machine.slice/libpod-") and ".scope" in group, f"the group is {group}")
        with open(f"/sys/fs/cgroup{group}/memory.max") as file:
            equal(file.read(), f"{LIMIT}\n")
        engine("pause", "box")
        engine("unpause", "box")
        engine("rm", "-f", "-t", "0", "box")
        wait_until(lambda: not os.path.exists("/sys/fs/cgroup" + group), what="the end of the scope")


@contextlib.contextmanager
def containerd(base=BASE + "/containerd"):
    program, client = need("containerd"), need("ctr")
    need("containerd-shim-runc-v2")
    os.makedirs(base)
    write(base + "/config.toml", f"""version = 2
root = "{base}/root"
state = "{base}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{base}/sock"
[ttrpc]
address = "{base}/sock.ttrpc"
""")
    engine = Engine(base, client, "-a", base + "/sock")
    with open(base + "/log", "w") as log:
        daemon = subprocess.Popen([program, "-c", base + "/config.toml", "-l", "error"], stdout=log, stderr=log)
    try:
        wait_until(lambda: subprocess.run([*engine.line, "version"], capture_output=True).returncode == 0, 30, "containerd's answer")
        archive = base + "/busybox.tar"
        subprocess.run(["python3", SOURCE + "/tests/support/push_image.py", "--busybox", "--name", "library/busybox", "--tag", "1", "--cmd",
                        '["sh"]', "--env", "PATH=/bin:/usr/bin", "--out-oci-archive", archive], check=True, capture_output=True)
        engine("images", "import", "--snapshotter", "native", archive)
        yield engine
    finally:
        for task in subprocess.run([*engine.line, "tasks", "ls", "-q"], capture_output=True, text=True).stdout.split():
            subprocess.run([*engine.line, "tasks", "rm", "-f", task], capture_output=True)
        daemon.terminate()
        daemon.wait(30)
        remove(base)


def of_image(name, *words):
    return ("--runc-binary", OCI, "--runtime", "io.containerd.runc.v2", "--snapshotter", "native", *words, "library/busybox:1", name)


@test("containerd: run, exec, pause, metrics, kill and rm through its runc shim")
def _(_node):
    with containerd() as engine:
        equal(engine("run", "--rm", *of_image("one"), "sh", "-c", "echo from containerd; exit 3", status=3), "from containerd\n")
        flags = ("--memory-limit", str(LIMIT), "--seccomp", "--read-only", "--env", "A=b")
        contains(engine("run", "--rm", *of_image("two", *flags), "sh", "-c", "grep Seccomp: /proc/self/status; echo $A"), "Seccomp:\t2\nb\n")
        engine("run", "-d", *of_image("box"), "sleep", "1000")
        contains(engine("tasks", "ls"), "RUNNING")
        equal(engine("tasks", "exec", "--exec-id", "e1", "box", "sh", "-c", "echo in; exit 5", status=5), "in\n")
        engine("tasks", "pause", "box")
        contains(engine("tasks", "ls"), "PAUSED")
        engine("tasks", "resume", "box")
        contains(engine("tasks", "metrics", "box"), "pids.current")
        contains(engine("tasks", "ps", "box"), "PID")
        engine("tasks", "kill", "-s", "KILL", "box")
        wait_until(lambda: "STOPPED" in engine("tasks", "ls"), what="the end of the task")
        engine("tasks", "rm", "box")
        engine("containers", "rm", "box")
        contains(engine.on_terminal("run", "--rm", "-t", *of_image("tty"), "sh", "-c", "sleep 0.5; tty; stty size"), "33 44")
        engine("run", "--rm", *of_image("none"), "/no/such/program", status=1)
        equal(engine("containers", "ls", "-q"), "")
