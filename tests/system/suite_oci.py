# SPDX-License-Identifier: Apache-2.0
"""The life of containers under berth-oci."""
import array
import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import time

import isolate
from harness import check, contains, equal, need, test, wait_until
from oci import OCI, runtime


def script(text):
    return "sh", "-c", text


@test("create, start, state, kill and delete")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle(*script("echo started; exec sleep 1000"))
        pid_file = bundle.dir + "/pid"
        bundle.create("--pid-file", pid_file)
        state = oci.state(bundle.id)
        equal((state["id"], state["status"], state["bundle"]), (bundle.id, "created", bundle.dir))
        with open(pid_file) as file:
            equal(int(file.read()), state["pid"])
        equal(bundle.out(), "", "output before start")
        oci.refused(["already exists"], "create", "--bundle", bundle.dir, bundle.id)
        bundle.start()
        equal(oci.status(bundle.id), "running")
        wait_until(lambda: bundle.out() == "started\n", what="output")
        oci.refused(["running, not created"], "start", bundle.id)
        oci.refused(["not stopped"], "delete", bundle.id)
        equal(oci.status(bundle.id), "running")
        oci.call("kill", bundle.id, "KILL")
        oci.wait_stopped(bundle.id)
        equal(oci.state(bundle.id)["pid"], 0)
        oci.refused(["not running"], "kill", bundle.id)
        oci.call("delete", bundle.id)
        oci.refused(["does not exist"], "state", bundle.id)
        oci.call("delete", "--force", bundle.id)


@test("a created container is deleted without a start")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("true")
        bundle.create()
        oci.call("delete", bundle.id)
        equal(os.listdir(oci.root), [])


@test("run ends as its program does")
def _(_node):
    with runtime() as oci:
        equal(oci.bundle("echo", "hello").run(), "hello\n")
        oci.bundle(*script("exit 7")).run(status=7)
        oci.bundle(*script("trap 'exit 3' TERM; kill -TERM 1; sleep 9")).run(status=3)
        equal(os.listdir(oci.root), [], "state after run")


@test("run hands signals on")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle(*script("trap 'exit 5' INT; echo ready; while :; do sleep 0.1; done"))
        process = subprocess.Popen(oci.command("run", "--bundle", bundle.dir, bundle.id), stdout=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL)
        equal(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGINT)
        equal(process.wait(20), 5)
        process.stdout.close()


@test("a container that is killed ends with 128 and the signal")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        process = subprocess.Popen(oci.command("run", "--bundle", bundle.dir, bundle.id), stdin=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(f"{oci.root}/{bundle.id}/state.json") and oci.status(bundle.id) == "running",
                   what="a running container")
        oci.call("kill", bundle.id, "9")
        equal(process.wait(20), 137)


@contextlib.contextmanager
def foreground(oci, bundle):
    """`run` of a bundle, from when it runs."""
    process = subprocess.Popen(oci.command("run", "--bundle", bundle.dir, bundle.id), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: oci.raw("exec", bundle.id, "true").returncode == 0, what="a running container")
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@test("whoever waits for a container's end keeps nobody from changing it, or from deleting it")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        with foreground(oci, bundle) as process:
            oci.call("pause", bundle.id, timeout=10)
            equal(oci.status(bundle.id), "paused")
            contains(oci.call("list"), bundle.id)
            oci.call("resume", bundle.id, timeout=10)
            oci.call("update", "--pids-limit", "77", bundle.id, timeout=10)
            oci.call("kill", bundle.id, "KILL")
            equal((process.wait(20), process.stderr.read()), (137, ""))
        equal(os.listdir(oci.root), [])
        with foreground(oci, bundle) as process:
            oci.call("delete", "--force", bundle.id, timeout=20)
            equal((process.wait(20), process.stderr.read()), (137, ""))
        equal(os.listdir(oci.root), [])


@test("a detached run returns, and its container goes on")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        pid_file = bundle.dir + "/pid"
        with open(os.devnull, "w") as null:
            subprocess.run(oci.command("run", "-d", "--pid-file", pid_file, "-b", bundle.dir, bundle.id), stdout=null,
                           stderr=null, stdin=subprocess.DEVNULL, check=True, timeout=30)
        equal(oci.status(bundle.id), "running")
        oci.call("kill", "--all", bundle.id, "SIGKILL")
        oci.wait_stopped(bundle.id)
        oci.call("delete", bundle.id)


@test("what cannot be run is told in a sentence, and nothing is left")
def _(_node):
    with runtime() as oci:
        oci.refused(["no-such-program", "No such file"], "run", "-b", oci.bundle("no-such-program").dir, "x")
        equal(os.listdir(oci.root), [])
        oci.refused(["/etc/passwd", "Permission denied"], "run", "-b", oci.bundle("/etc/passwd").dir, "x")
        oci.refused(["config.json"], "run", "-b", "/nowhere", "x")
        oci.refused(["no container ID"], "run", "-b", oci.bundle("true").dir, "../x")
        oci.refused(["no container ID"], "state", "..")
        oci.refused(["does not exist"], "state", "nobody")
        oci.refused(["there is no verb"], "frobnicate")
        oci.refused(["there is no flag --frob"], "state", "--frob", "x")
        oci.refused(["usage: berth-oci state CONTAINER"], "state")
        oci.refused(["is no signal"], "kill", "x", "NOSUCH")

        def bad_mount(config):
            config["mounts"].append({"destination": "/x", "type": "bind", "source": "/no/such/source", "options": ["rbind"]})
        oci.refused(["/no/such/source"], "run", "-b", oci.bundle("true", change=bad_mount).dir, "x")

        def systemd_path(config):
            config["linux"]["cgroupsPath"] = "user.slice:libpod:x"
        oci.refused(["linux.cgroupsPath", "systemd"], "run", "-b", oci.bundle("true", change=systemd_path).dir, "x")
        init = oci.bundle("true", change=lambda config: config.update(annotations={"dev.berth.init": "maybe"}))
        oci.refused(["annotations.dev.berth.init", "maybe"], "run", "-b", init.dir, "x")
        label = oci.bundle("true", change=lambda config: config["linux"].update(mountLabel="u:r:t:s0:c1,c2"))
        if not os.path.exists("/sys/fs/selinux/enforce"):
            oci.refused(["u:r:t:s0:c1,c2", "SELinux"], "run", "-b", label.dir, "x")
        equal(os.listdir(oci.root), [])


@test("a start that fails says why")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("/bin/broken")
        with open(bundle.dir + "/rootfs/bin/broken", "w") as file:
            file.write("#!/no/such/interpreter\n")
        os.chmod(bundle.dir + "/rootfs/bin/broken", 0o755)
        bundle.create()
        oci.refused(["/bin/broken", "No such file"], "start", bundle.id)
        oci.wait_stopped(bundle.id)


@test("errors go to the log in runc's form")
def _(_node):
    with runtime() as oci:
        log = oci.dir + "/log"
        done = subprocess.run([OCI, "--root", oci.root, "--log", log, "--log-format=json", "start", "nobody"],
                              capture_output=True, text=True)
        equal(done.returncode, 1)
        with open(log) as file:
            line = json.loads(file.read())
        equal((line["level"], line["msg"]), ("error", "container nobody does not exist"))
        contains(line["time"], "T")
        equal(done.stderr, "berth-oci: container nobody does not exist\n")


@test("exec: exit status, environment, user, directory, streams")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        bundle.create()
        bundle.start()
        equal(bundle.exec("echo", "in there"), "in there\n")
        bundle.exec("sh", "-c", "exit 9", status=9)
        bundle.exec("sh", "-c", "kill -9 $$", status=137)
        equal(oci.call("exec", "--env", "A=1", "-e", "B=2", bundle.id, "sh", "-c", "echo $A$B"), "12\n")
        equal(oci.call("exec", "--user", "1000:100", "-g", "7", "--cwd", "/tmp", bundle.id, "sh", "-c",
                       "id -u; id -g; id -G; pwd; echo $HOME"), "1000\n100\n100 7\n/tmp\n/tmp\n")
        equal(oci.call("exec", bundle.id, "cat", stdin=None, input="to and fro"), "to and fro")
        equal(bundle.exec("sh", "-c", "tr '\\0' ' ' </proc/1/cmdline").strip(), "sleep 1000")
        equal(bundle.exec("sh", "-c", "ls /proc/self/fd | wc -l").strip(), "4")  # 0-2, and that of ls
        oci.refused(["no-such", "No such file"], "exec", bundle.id, "no-such", status=255)
        process = bundle.dir + "/process.json"
        with open(process, "w") as file:
            json.dump({"args": ["sh", "-c", "echo $X; pwd"], "cwd": "/tmp", "env": ["X=y", "PATH=/bin"]}, file)
        equal(oci.call("exec", "--process", process, bundle.id), "y\n/tmp\n")
        oci.call("kill", bundle.id, "KILL")
        oci.wait_stopped(bundle.id)
        oci.refused(["stopped"], "exec", bundle.id, "true", status=255)


@test("a detached exec leaves its pid")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        bundle.create()
        bundle.start()
        pid_file = bundle.dir + "/exec.pid"
        with open(os.devnull, "w") as null:
            subprocess.run(oci.command("exec", "-d", "--pid-file", pid_file, bundle.id, "sleep", "999"), stdout=null,
                           stderr=null, stdin=subprocess.DEVNULL, check=True, timeout=30)
        with open(pid_file) as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline") as file:
            contains(file.read(), "999")
        pids = json.loads(oci.call("ps", "--format", "json", bundle.id))
        check(pid in pids and oci.state(bundle.id)["pid"] in pids, f"{pid} not in {pids}")
        contains(oci.call("ps", bundle.id, "-o", "pid,args"), "sleep 999")


@test("an exec is confined as its container is")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        bundle.create()
        bundle.start()

        def status(text):
            lines = dict(line.split(":\t") for line in text.splitlines() if ":\t" in line)
            return {key: lines[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")}
        first = status(bundle.exec("cat", "/proc/1/status"))
        equal(status(bundle.exec("cat", "/proc/self/status")), first)
        equal(first["NoNewPrivs"], "1")
        equal(bundle.exec("cat", "/proc/1/cgroup"), bundle.exec("cat", "/proc/self/cgroup"))
        more = status(oci.call("exec", "--cap", "CAP_SYS_ADMIN", bundle.id, "cat", "/proc/self/status"))
        check(int(more["CapEff"], 16) & (1 << 21), "no CAP_SYS_ADMIN")
        equal(int(more["CapInh"], 16), 0)


@test("an exec writes to no cgroup.procs, which would wait for a lock against forks")
def _(_node):
    strace = need("strace")
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        bundle.create()
        bundle.start()
        trace = bundle.dir + "/trace"
        subprocess.run([strace, "-f", "-o", trace, "-e", "trace=openat,clone3", *oci.command("exec", bundle.id, "true")], check=True,
                       stdin=subprocess.DEVNULL, timeout=60)
        with open(trace) as file:
            calls = file.read()
        if "unified" in " ".join(isolate.hierarchies()) or len(isolate.hierarchies()) == 1:
            contains(calls, "CLONE_INTO_CGROUP")
        equal([line for line in calls.splitlines() if "cgroup.procs" in line], [])


@test("pause and resume")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle(*script("i=0; while :; do i=$((i+1)); echo $i >/tmp/n; sleep 0.02; done"))
        bundle.create()
        bundle.start()
        oci.refused(["not paused"], "resume", bundle.id)
        oci.call("pause", bundle.id)
        equal(oci.status(bundle.id), "paused")
        oci.refused(["paused"], "exec", bundle.id, "true", status=255)
        number = bundle.dir + "/rootfs/tmp/n"
        with open(number) as file:
            before = file.read()
        time.sleep(0.2)
        with open(number) as file:
            equal(file.read(), before, "a paused container's counter")
        oci.call("resume", bundle.id)
        equal(oci.status(bundle.id), "running")
        wait_until(lambda: open(number).read() != before, what="the counter to go on")
        oci.call("pause", bundle.id)
        oci.call("kill", bundle.id, "KILL")
        oci.wait_stopped(bundle.id)


def cgroup_file(controller, group, name):
    for hierarchy in isolate.hierarchies():
        if os.path.exists(f"{hierarchy}{group}/{name}"):
            return f"{hierarchy}{group}/{name}"
    raise AssertionError(f"no {name} of {controller} for {group}")


@test("update changes limits, by flags and by JSON")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        bundle.create()
        bundle.start()
        group = bundle.config["linux"]["cgroupsPath"]
        oci.call("update", "--pids-limit", "77", bundle.id)
        pids = cgroup_file("pids", group, "pids.max")
        equal(open(pids).read().strip(), "77")
        done = subprocess.run(oci.command("update", "--resources", "-", bundle.id), input='{"pids":{"limit":88}}', text=True,
                              capture_output=True)
        equal((done.returncode, done.stderr), (0, ""))
        equal(open(pids).read().strip(), "88")
        oci.refused(["--memory"], "update", "--memory", "much", bundle.id)


@test("an update of devices leaves the default ones usable")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        bundle.create()
        bundle.start()
        rules = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 10, "minor": 200, "access": "rw"}]
        oci.call("update", "--resources", "-", bundle.id, stdin=None, input=json.dumps({"devices": rules}))
        equal(bundle.exec("sh", "-c", "echo gone >/dev/null && head -c 2 /dev/zero | wc -c"), "2\n")


@test("events prints counters")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        bundle.create()
        bundle.start()
        line = json.loads(oci.call("events", "--stats", bundle.id))
        equal((line["type"], line["id"]), ("stats", bundle.id))
        check(line["data"]["cpu"]["usage"]["total"] > 0, "no CPU time")
        equal(line["data"]["pids"]["current"], 1)
        with subprocess.Popen(oci.command("events", "--interval", "100ms", bundle.id), stdout=subprocess.PIPE, text=True) as stream:
            for _ in range(3):
                equal(json.loads(stream.stdout.readline())["type"], "stats")
            oci.call("kill", bundle.id, "KILL")
            equal(stream.wait(10), 0)


@test("list tells every container")
def _(_node):
    with runtime() as oci:
        equal(json.loads(oci.call("list", "--format", "json")), [])
        bundle = oci.bundle("sleep", "1000")
        bundle.create()
        equal(oci.call("list", "-q"), bundle.id + "\n")
        contains(oci.call("list"), "created")
        equal(json.loads(oci.call("list", "-f", "json"))[0]["id"], bundle.id)


def receive_terminal(listener):
    connection, _ = listener.accept()
    with connection:
        fds = array.array("i")
        data, ancillary, _, _ = connection.recvmsg(256, socket.CMSG_SPACE(4))
        fds.frombytes(ancillary[0][2])
        check(data, "no name with the terminal")
        return fds[0]


@test("a terminal goes to the console socket")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle(*script("tty; stty size; test -t 0 && echo yes"), terminal=True,
                            consoleSize={"height": 33, "width": 99})
        oci.refused(["--console-socket"], "create", "--bundle", bundle.dir, bundle.id)
        path = bundle.dir + "/" + "long" * 18 + ".sock"
        with socket.socket(socket.AF_UNIX) as listener:
            here = os.open(bundle.dir, os.O_PATH)
            listener.bind(f"/proc/self/fd/{here}/{os.path.basename(path)}")
            os.close(here)
            listener.listen()
            bundle.create("--console-socket", path)
            master = receive_terminal(listener)
            bundle.start()
            text = b""
            while True:
                try:
                    part = os.read(master, 4096)
                except OSError:
                    break
                text += part
            os.close(master)
        equal(text.decode().split(), ["/dev/pts/0", "33", "99", "yes"])


@test("a terminal in the foreground is ours")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle(*script("stty size; read line; echo got $line"), terminal=True)
        pid, master = pty.fork()
        if pid == 0:
            os.execv(OCI, oci.command("run", "--bundle", bundle.dir, bundle.id))
        os.write(master, b"words\n")
        text = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:
                break
            if not part:
                break
            text += part
        _, status = os.waitpid(pid, 0)
        os.close(master)
        equal(status, 0, text.decode())
        contains(text.decode(), "got words")


@test("descriptors are passed on when asked for, and only then")
def _(_node):
    with runtime() as oci:
        command = script("ls /proc/self/fd | tr '\\n' ' '; cat /proc/self/fd/4; echo $LISTEN_FDS $LISTEN_PID")
        bundle = oci.bundle(*command)
        path = bundle.dir + "/text"
        with open(path, "w") as file:
            file.write("passed\n")
        fds = [os.open(path, os.O_RDONLY) for _ in range(4)]

        def place():
            for i, fd in enumerate(fds):
                os.dup2(fd, 20 + i)
            for i in range(4):
                os.dup2(20 + i, 3 + i)
        more = {"close_fds": False, "preexec_fn": place}
        out = oci.call("run", "--preserve-fds", "2", "-b", bundle.dir, bundle.id, **more)
        contains(out, "0 1 2 3 4 5 passed", "the listing, which has a descriptor of its own")
        out = oci.call("run", "-b", bundle.dir, bundle.id, env={"LISTEN_FDS": "2"}, **more)
        contains(out, "passed\n2 1")
        for fd in fds:
            os.close(fd)
        oci.refused(["descriptor 3", "not open"], "run", "--preserve-fds", "1", "-b", bundle.dir, bundle.id)
        equal(os.listdir(oci.root), [])


@test("the configuration is read once")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle(*script("echo $WHO"), env=["WHO=first", "PATH=/bin"])
        bundle.create()
        bundle.config["process"]["env"] = ["WHO=second", "PATH=/bin"]
        bundle.write()
        bundle.start()
        oci.wait_stopped(bundle.id)
        equal(bundle.out(), "first\n")


@test("a filter that is loaded before the gate need only allow read and write there")
def _(_node):
    def filtered(config):
        names = ["accept", "accept4", "socket", "connect", "sendmsg", "recvmsg", "sendto", "recvfrom", "dup", "dup2", "dup3",
                 "close_range", "openat2", "mount", "pidfd_open"]
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                                      "syscalls": [{"names": names, "action": "SCMP_ACT_KILL_PROCESS"}]}
    with runtime() as oci:
        for privileges in (True, False):
            bundle = oci.bundle("/bin/busybox", "echo", "through", noNewPrivileges=privileges, change=filtered)
            bundle.create()
            bundle.start()
            oci.wait_stopped(bundle.id)
            equal(bundle.out(), "through\n")
            equal(bundle.run_again(), "through\n")


@test("features and version tell what this build does")
def _(_node):
    with runtime() as oci:
        features = json.loads(oci.call("features"))
        check("poststop" in features["hooks"], "no hooks")
        equal(features["linux"]["cgroup"]["v1"], True)
        contains(subprocess.run([OCI, "--version"], capture_output=True, text=True).stdout, "spec: ")


@test("without a pivot the root is moved over the host's, whose procfs and sysfs are gone")
def _(_node):
    with runtime() as oci:
        contains(oci.bundle("ls", "/").run("--no-pivot"), "bin\ndev\netc\nproc\n", "the root")
        box = oci.bundle("sleep", "1000")
        box.create("--no-pivot")
        box.start()
        contains(box.exec("ls", "/"), "bin\ndev\netc\nproc\n", "the root of an exec")
        # Whoever sees a whole procfs may mount another one in a user namespace: the container's is masked.
        mount = ("unshare", "-Urmpf", "mount", "-t", "proc", "proc", "/tmp")
        contains(oci.raw("exec", "--user", "1000:1000", box.id, *mount).stderr, "permission denied")
        bare = oci.bundle(*mount, change=lambda config: config["linux"].update(maskedPaths=[], readonlyPaths=[]), user={"uid": 1000, "gid": 1000})
        equal(bare.run("--no-pivot"), "")


FAKE_RESCTRL = """#!/bin/sh
# A mount namespace in which a directory stands for the file system that this kernel does not have.
exec unshare -m --propagation private sh -c '
  mkdir -p "$1/kept" && mount --move /sys/fs/cgroup "$1/kept" && mount -t tmpfs fs /sys/fs && mkdir /sys/fs/cgroup /sys/fs/resctrl &&
  mount --move "$1/kept" /sys/fs/cgroup && mount --bind "$1/resctrl" /sys/fs/resctrl && shift && exec "$@"' sh "{dir}" "{program}" "$@"
"""


@test("cache allocation: what is written for linux.intelRdt, where a directory stands for resctrl")
def _(_node):
    with runtime() as oci:
        fake, program = oci.dir + "/fake/resctrl", oci.dir + "/with-resctrl"
        for group in ("", "/guest"):
            os.makedirs(fake + group)
            for name in ("schemata", "tasks"):
                with open(f"{fake}{group}/{name}", "w"):
                    pass
        with open(program, "w") as file:
            file.write(FAKE_RESCTRL.format(dir=oci.dir + "/fake", program=oci.program))
        os.chmod(program, 0o700)
        oci.program = program

        def content(name):
            with open(f"{fake}/{name}") as file:
                return file.read()

        def wants(**rdt):
            return oci.bundle("sleep", "1000", change=lambda config: config["linux"].update(intelRdt=rdt))
        allocated = wants(closID="guest", l3CacheSchema="L3:0=f", memBwSchema="MB:0=20", schemata=["L2:0=1;1=2"])
        allocated.create()
        # A file of a directory keeps what was written last.
        equal((content("guest/schemata"), content("guest/tasks"), content("tasks")), ("L2:0=1;1=2\n", "0", ""))
        allocated.delete()
        check(os.path.isdir(fake + "/guest"), "a group that was there before is gone")
        everybody = wants(closID="/")
        everybody.create()
        equal((content("schemata"), content("tasks")), ("", "0"))
        absent = wants(closID="absent")
        oci.refused(["linux.intelRdt.closID: absent does not exist"], "create", "--bundle", absent.dir, absent.id)
        # A directory has no files by itself: this goes wrong after the group was made.
        made = wants(l3CacheSchema="L3:0=f")
        oci.refused(["schemata"], "create", "--bundle", made.dir, made.id)
        equal(sorted(os.listdir(fake)), ["guest", "schemata", "tasks"])
        oci.program = OCI
