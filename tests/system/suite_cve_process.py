# SPDX-License-Identifier: Apache-2.0
"""Attacks on the runtime's own processes, by way of /proc, descriptors and shared PID namespaces.
docs/security-tests.md names for each test the line of source that it watches."""
import contextlib
import fcntl
import json
import os
import socket
import stat
import subprocess
import threading

import oci
from attacks import SHELL, attempt, bait, inner_pid, modes, mount, peeper, pid_of, plain_pod, security
from harness import check, contains, equal, test, wait_until, write

F_GET_SEALS, SEALED = 1034, 0x0F  # seal, shrink, grow, write
# AppArmor, where there is one, would stop it as well.
TRACER = {"capabilities": {"add_capabilities": ["SYS_PTRACE"]}, "apparmor": {"profile_type": "Unconfined"}}
SHARED = {"network": "NODE", "pid": "POD"}


def shims():
    """The executable's file in /proc of every shim of this node."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file, open(f"/proc/{pid}/comm") as name:
                if file.read() == b"berth-pid1\0shim\0" and name.read() == "berth-shim\n":
                    found.append(f"/proc/{pid}/exe")
    return found


def expect_sealed(exe):
    check(os.readlink(exe).startswith("/memfd:"), os.readlink(exe))
    fd = os.open(exe, os.O_RDONLY)
    equal(fcntl.fcntl(fd, F_GET_SEALS) & SEALED, SEALED, "seals of " + exe)
    os.close(fd)


@test("CVE-2019-5736: what a container could overwrite of the runtime is a sealed memory file")
def _(node):
    program = os.path.dirname(node.program) + "/berth-pid1"
    with open(program, "rb") as file:
        before = file.read()
    all_seeing = security(privileged=True, namespace_options={"pid": "NODE", "network": "NODE"})
    with node.run_pod(**all_seeing) as pod:
        held = pod.start(["sleep", "1000"])
        found = shims()
        check(found, "no shim was found")
        for exe in found:
            expect_sealed(exe)
        # The attack: the container's program is the runtime's own executable, and another process writes to it.
        attempt(lambda: pod.start(["/proc/self/exe"]))
        script = "for exe in /proc/*/exe; do echo overwritten 2>/dev/null >$exe; done 2>/dev/null; echo tried"
        for _ in range(3):
            held.exec("true")
            contains(pod.sh(script, **all_seeing), "tried")
    with open(program, "rb") as file:
        check(file.read() == before, "the runtime's program was overwritten")


@test("CVE-2019-5736: what berth-oci sends into a container is sealed as well")
def _(_node):
    with oci.runtime() as runtime:
        bundle = runtime.bundle("/proc/self/exe", "--version")
        bundle.create()
        expect_sealed(f"/proc/{runtime.state(bundle.id)['pid']}/exe")


@test("CVE-2016-9962: a container that waits for its start shows its neighbours nothing")
def _(node):
    secret = bait(node, "host") + "/kept"
    with plain_pod(node, pid="POD") as pod:
        shared = {"namespace_options": SHARED}
        waiting = pod.create(["sleep", "1000"], **security(**shared))
        look = ["/peeper", secret, inner_pid(waiting), "1"]
        equal(pod.output(look, mounts=[peeper()], **security(**shared)), "", "what a plain neighbour can open")
        text = pod.output(look, mounts=[peeper()], **security(**shared, **TRACER))
        # It sees that there is a container, as it will be, and the sealed program of the runtime.
        contains(text, "can root")
        check("HOST" not in text, text)


@test("CVE-2016-9962: a container with CAP_SYS_PTRACE sees newcomers only where they belong")
def _(node):
    secret = bait(node, "host") + "/kept"
    shared = security(namespace_options=SHARED)
    with plain_pod(node, pid="POD") as pod:
        held = pod.start(["sleep", "1000"], **shared)
        peeping = pod.start(["/peeper", secret, "watch", "4"], mounts=[peeper()], **security(namespace_options=SHARED, **TRACER))
        while "newcomers" not in peeping.output():
            held.exec("true")
            pod.start(["true"], **shared).remove()
        text = peeping.output()
        check(int(text.split("newcomers ")[1]) >= 5, f"too few newcomers: {text}")
        check("HOST" not in text, text)


@contextlib.contextmanager
def seccomp_agent(path):
    """Takes what containers send it, and keeps it."""
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as kept:
        listener.bind(path)
        listener.listen()
        states = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection = kept.enter_context(listener.accept()[0])
                    text, fds, *_ = socket.recv_fds(connection, 1 << 16, 1)
                    for fd in fds:
                        kept.callback(os.close, fd)
                    states.append(json.loads(text))
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield states
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@test("CVE-2016-9962: nor does it see more of newcomers with a seccomp agent or with the host's network devices")
def _(node):
    secret, agent = bait(node, "host") + "/kept", node.dir + "/agent.sock"

    def tracer(config):
        peeping = peeper()
        config["mounts"].append({"destination": peeping["container_path"], "source": peeping["host_path"], "options": ["bind"]})
        for some in config["process"]["capabilities"].values():
            some.append("CAP_SYS_PTRACE")

    with oci.runtime() as runtime, seccomp_agent(agent) as states:
        peeping = runtime.bundle("sh", "-c", f"/peeper {secret} watch 5; exec sleep 1000", change=tracer)
        peeping.create()
        peeping.start()

        def joins(config):
            spaces = {"pid": {"path": f"/proc/{runtime.state(peeping.id)['pid']}/ns/pid"}}
            config["linux"]["namespaces"] = [{**entry, **spaces.get(entry["type"], {})} for entry in config["linux"]["namespaces"]]

        def asks(config):
            joins(config)
            rule = {"names": ["swapoff"], "action": "SCMP_ACT_NOTIFY"}
            config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": agent, "syscalls": [rule]}

        def moves(config):
            joins(config)
            config["linux"]["netDevices"] = {"berth-cve0": {"name": "inside"}}
        while "newcomers" not in peeping.out():
            bundle = runtime.bundle("true", change=asks)
            bundle.run("--pid-file", bundle.dir + "/pid")
            with open(bundle.dir + "/pid") as file:
                pid = int(file.read())
            wait_until(lambda: pid in [state["pid"] for state in states], what="the agent, with the host's number")
            if subprocess.run("ip link add berth-cve0 type veth peer name berth-cve1", shell=True).returncode == 0:
                contains(runtime.bundle("ip", "link", "show", "dev", "inside", change=moves).run(), "UP")
        # A filter's listener, and the process's own pidfd by which the agent gets it.
        text = "\n".join(line for line in peeping.out().splitlines() if not line.startswith("HOST fd anon_inode:"))
        check(int(text.split("newcomers ")[1]) >= 4, f"too few newcomers: {text}")
        check("HOST" not in text, text)


@test("R44: in a shared PID namespace PID 1 owns nothing, and no shim is seen")
def _(node):
    secret = bait(node, "host") + "/kept"
    with plain_pod(node, pid="POD") as pod:
        tracer = pod.start(["sleep", "1000"], mounts=[peeper()], **security(namespace_options=SHARED, **TRACER))
        text = tracer.exec("/peeper", secret, "1").out
        check("HOST" not in text and "can fd" not in text and "can root" in text, text)
        for path in ("root", "cwd", "fd", "task/1/fd", "map_files"):
            listing = tracer.exec("ls", "-A", f"/proc/1/{path}/")
            check(listing.code != 0 or len(listing.out.split()) <= (1 if path == "map_files" else 0), f"{path}: {listing.out}")
        equal(tracer.exec("cat", "/proc/1/environ").out, "")
        contains(tracer.exec("readlink", "/proc/1/exe").out, "/memfd:")
        # One page of code, and what the kernel puts beside it.
        maps = [line.split() for line in tracer.exec("cat", "/proc/1/maps").out.splitlines()]
        named = [words[-1] for words in maps if not words[-1].startswith("[v")]
        check(len(named) == 1 and "r-xp" in [words[1] for words in maps if words[-1] == named[0]][0], maps)
        contains(tracer.exec("sh", "-c", "grep -h ^Cap /proc/1/status; grep Seccomp: /proc/1/status").out, "Seccomp:\t2")
        commands = tracer.exec("sh", "-c", "cat /proc/*/comm").out.split()
        equal(sorted({name for name in commands if name.startswith("berth")}), ["berth-pause"])
        # Nor can it be ended from inside.
        tracer.exec("kill", "-9", "1")
        equal(pod.sh("echo fine", **security(namespace_options=SHARED)), "fine\n")


@test("CVE-2024-21626: a working directory behind a descriptor is refused, in create and in exec")
def _(node):
    # In a PID namespace of its own, where the child has its descriptors until it is run.
    with plain_pod(node, pid="CONTAINER") as pod:
        own = security(namespace_options={"network": "NODE", "pid": "CONTAINER"})
        for number in range(3, 64):
            refusal = attempt(lambda: pod.output(["pwd"], working_dir=f"/proc/self/fd/{number}", **own))
            check(refusal is not None, f"started in descriptor {number}")
    with plain_pod(node) as pod:
        # What the working directory is, the container can change before each command.
        write(node.dir + "/secret", "of the host")
        container = pod.start(["sleep", "1000"], working_dir="/w")
        equal(container.exec("pwd").out, "/w\n")
        root = f"/proc/{pid_of(container)}/root"
        os.rmdir(root + "/w")
        for number in range(3, 21):
            os.symlink(f"/proc/self/fd/{number}", root + "/w")
            text = []
            look = f"cat {'../' * 12}{node.dir[1:]}/secret; /bin/pwd"
            attempt(lambda: text.append(container.exec(SHELL, "-c", look).out))
            # A descriptor of the container's own root would be no way out.
            check(not text or text == ["/\n"], f"a command ran in descriptor {number}: {text}")
            os.unlink(root + "/w")


@test("CVE-2024-21626: a program behind a descriptor of the runtime is not there when it is run")
def _(node):
    with plain_pod(node, pid="CONTAINER") as pod:
        own = security(namespace_options={"network": "NODE", "pid": "CONTAINER"})
        container = pod.start(["sleep", "1000"], **own)
        for number in range(3, 64):
            path = f"/proc/self/fd/{number}/bin/busybox"
            check(attempt(lambda: pod.output([path, "true"], **own)) is not None, f"{path} was run")
            check(attempt(container.exec, path, "true") is not None, f"{path} was run as a command")


@test("CVE-2024-21626: a program starts with three descriptors, whatever came before")
def _(node):
    with plain_pod(node) as pod:
        held = pod.start(["sleep", "1000"])
        own = "ls /proc/self/fd | wc -l"  # the fourth is that of ls
        for text in (pod.sh(own), pod.sh(own, **security(seccomp={"profile_type": "RuntimeDefault"})), held.exec("sh", "-c", own).out):
            equal(text.strip(), "4")


@test("CVE-2025-52881: what is written about a process goes to the kernel, whatever lies over /proc")
def _(node):
    trap = ("mount -t tmpfs none /proc && for d in self thread-self 1; do mkdir -p /proc/$d; : >/proc/$d/oom_score_adj; "
            ": >/proc/$d/setgroups; : >/proc/$d/uid_map; done; echo set; sleep 600")
    loose = {"capabilities": {"add_capabilities": ["ALL"]}, "masked_paths": [], "readonly_paths": []}
    with plain_pod(node) as pod:
        container = pod.start(["sh", "-c", trap], linux={"security_context": loose, "resources": {"oom_score_adj": 700}})
        wait_until(lambda: "set" in container.output(), what="trap")
        text = container.exec("sh", "-c", "cat /proc/*/* 2>/dev/null; mkdir /p; mount -t proc p /p; cat /p/self/oom_score_adj").out
        equal(text, "700\n")


@test("CVE-2020-15257: no socket of the runtime is abstract, and all are for root alone")
def _(node):
    with plain_pod(node) as pod:
        pod.start(["sleep", "1000"])
        with open("/proc/net/unix") as file:
            names = [line.split()[7] for line in file.read().splitlines()[1:] if len(line.split()) > 7]
        equal([name for name in names if name.startswith("@")], [], "abstract sockets")
        ours = [name for name in names if name.startswith(node.dir)]
        check(ours, f"no socket of the runtime was found: {names}")
        found = [os.path.join(place, name) for place, _, files in os.walk(node.state) for name in files]
        sockets = [path for path in found + [node.socket[len("unix://"):]] if stat.S_ISSOCK(os.lstat(path).st_mode)]
        check(len(sockets) >= 2, f"no shim's socket below {node.state}")
        for path in sockets:
            equal(os.lstat(path).st_mode & 0o007, 0, "the mode of " + path)


@test("CVE-2019-14891: a pod that runs out of memory does not take its monitor with it")
def _(node):
    with plain_pod(node, pid="POD") as pod:
        before = sorted(shims())
        limit = {"resources": {"memory_limit_in_bytes": 32 << 20}}
        for _ in range(3):
            storm = pod.start(["tail", "/dev/zero"], linux=limit)
            equal(storm.wait(60), 137)
            equal(storm.status()["reason"], "OOMKilled")
            storm.remove()
        equal(sorted(shims()), before, "the shims")
        for exe in before:
            with open(os.path.dirname(exe) + "/cgroup") as file:
                groups = {line.strip().split(":", 2)[2] for line in file if node.parent in line}
            equal([group for group in groups if not group.startswith(node.parent + "/shims")], [], "cgroups of a shim")
        equal(pod.sh("echo fine"), "fine\n")


@test("CVE-2021-21334: containers that are made at the same time have each their own environment")
def _(node):
    from pods import env
    with plain_pod(node) as pod:
        configs = [pod.container_config(["sh", "-c", "env | grep ^SECRET"], envs=[env(f"SECRET_{i}", str(i))]) for i in range(24)]
        made = [node.cri.start("CreateContainer", {"pod_sandbox_id": pod.id, "config": config, "sandbox_config": pod.config}, 60)
                for config in configs]
        from pods import Container
        for i, future in enumerate(made):
            container = Container(pod, future.result(60)["container_id"], configs[i])
            container.start()
            equal(container.wait(), 0)
            equal(container.output(), f"SECRET_{i}={i}\n")
            container.remove()
