# SPDX-License-Identifier: Apache-2.0
"""The attacks behind published CVEs of container runtimes, run against this one. docs/security-tests.md
names for each the line of source that it watches."""
import contextlib
import fcntl
import json
import os
import stat
import subprocess
import time

from cri import RpcError
from harness import check, contains, equal, test, write

F_GET_SEALS, SEALED = 1034, 0x0F  # seal, shrink, grow, write
SHELL = "/bin/sh"


def security(**more):
    return {"linux": {"security_context": more}}


def modes(**more):
    return security(namespace_options=more)


def plain_pod(node):
    """None of the attacks needs a network."""
    return node.run_pod(**modes(network="NODE"))


def crafted(node, name, make):
    """An image: busybox, and what `make(directory)` puts over it."""
    directory = f"{node.dir}/image-{name}"
    if not os.path.isdir(directory):
        os.makedirs(directory)
        make(directory)
    node.registry.push("--busybox", "--rootfs", directory, "--name", "crafted/" + name, "--tag", "1")
    image = f"{node.image.split('/')[0]}/crafted/{name}:1"
    node.pull(image)
    return image


def link(target, path):
    return lambda directory: os.symlink(target, directory + path)


def shims():
    """(pid, path of its executable's file in /proc) of every shim of this node."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read() == b"berth-pid1\0shim\0":
                    found.append(f"/proc/{pid}/exe")
    return found


def mounts():
    with open("/proc/self/mountinfo") as file:
        return {line.split()[4] for line in file}


@contextlib.contextmanager
def untouched(*paths):
    """What the host has at these paths, and where it has mounts, is the same afterwards."""
    def look():
        return {path: sorted(os.listdir(path)) if os.path.isdir(path) else open(path).read() for path in paths}
    before = look()
    yield
    equal(look(), before, "the host")


def attempt(action, *arguments, **more):
    """The outcome of a creation that may be refused: the sentence, or None."""
    try:
        action(*arguments, **more)
    except RpcError as error:
        return error.message
    return None


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
            check(os.readlink(exe).startswith("/memfd:"), os.readlink(exe))
            fd = os.open(exe, os.O_RDONLY)
            equal(fcntl.fcntl(fd, F_GET_SEALS) & SEALED, SEALED, "seals of " + exe)
            os.close(fd)
        # The attack: the container's program is the runtime's own executable, and another process writes to it.
        attempt(lambda: pod.start(["/proc/self/exe"]))
        script = "for exe in /proc/*/exe; do echo overwritten 2>/dev/null >$exe; done 2>/dev/null; echo tried"
        for _ in range(3):
            held.exec("true")
            contains(pod.sh(script, **all_seeing), "tried")
    with open(program, "rb") as file:
        check(file.read() == before, "the runtime's program was overwritten")


@test("CVE-2024-21626: a working directory behind a descriptor is refused, in create and in exec")
def _(node):
    with plain_pod(node) as pod:
        for number in range(3, 21):
            refusal = attempt(lambda: pod.output(["pwd"], working_dir=f"/proc/self/fd/{number}"))
            check(refusal is not None, f"started in descriptor {number}")
        # What the working directory is, the container can change before each command.
        write(node.dir + "/secret", "of the host")
        container = pod.start(["sleep", "1000"], working_dir="/w")
        equal(container.exec("pwd").out, "/w\n")
        root = f"/proc/{json.loads(container.status(verbose=True)['info']['info'])['pid']}/root"
        os.rmdir(root + "/w")
        for number in range(3, 21):
            os.symlink(f"/proc/self/fd/{number}", root + "/w")
            text = []
            look = f"cat {'../' * 12}{node.dir[1:]}/secret; /bin/pwd"
            attempt(lambda: text.append(container.exec(SHELL, "-c", look).out))
            # A descriptor of the container's own root would be no way out.
            check(not text or text == ["/\n"], f"a command ran in descriptor {number}: {text}")
            os.unlink(root + "/w")


@test("CVE-2021-30465: renames on a shared volume during many starts never move a mount to the host")
def _(node):
    volume, other = node.dir + "/raced", node.dir + "/other"
    write(volume + "/d/keep", "")
    write(other + "/inside", "")
    marker = f"berth-raced-{os.getpid()}"
    race = f"""while :; do mv /v/d /v/e; ln -s /../../../../../.. /v/d; rm /v/d; mv /v/e /v/d; done"""
    before, root = mounts(), os.listdir("/")
    with plain_pod(node) as pod:
        racer = pod.start([SHELL, "-c", race], mounts=[{"container_path": "/v", "host_path": volume}])
        outcomes = {"started": 0, "refused": 0}
        until = time.monotonic() + float(os.environ.get("BERTH_RACE_SECONDS", "12"))
        while time.monotonic() < until:
            raced = [{"container_path": "/v", "host_path": volume},
                     {"container_path": f"/v/d/{marker}", "host_path": other}]
            try:
                container = pod.start(["true"], mounts=raced)
                container.wait()
                container.remove()
                outcomes["started"] += 1
            except RpcError:
                outcomes["refused"] += 1
            equal(sorted(os.listdir("/")), sorted(root), "the host's root")
            check(not any(marker in place for place in mounts()), "a mount on the host")
        racer.stop()
        check(outcomes["started"] >= 10, f"too few starts to race with: {outcomes}")
    equal(mounts() - before, set(), "new mounts of the host")


@test("CVE-2019-19921: /proc and /sys that are symbolic links in the image do not move the mounts")
def _(node):
    for name in ("proc", "sys"):
        image = crafted(node, name + "-link", lambda directory: (os.makedirs(directory + "/elsewhere"),
                                                                 os.symlink("/elsewhere", f"{directory}/{name}")))
        with plain_pod(node) as pod:
            refusal = attempt(pod.output, [SHELL, "-c", "grep -c . /elsewhere/version /elsewhere/kernel/notes"], image_name=image)
            check(refusal is not None, f"/{name} was mounted through a link")
            contains(refusal, "/" + name)


@test("CVE-2025-31133: a /dev/null that is a symbolic link is not what masks paths")
def _(node):
    target = "/proc/sys/kernel/core_pattern"
    image = crafted(node, "null-link", lambda directory: (os.makedirs(directory + "/dev"), link(target, "/dev/null")(directory)))
    volume = node.dir + "/fake-dev"
    os.makedirs(volume, exist_ok=True)
    if not os.path.lexists(volume + "/null"):
        os.symlink(target, volume + "/null")
    masked = {"security_context": {"masked_paths": ["/proc/timer_list", "/etc/passwd"]}}
    script = "stat -c '%F %t:%T' /etc/passwd; echo attacked >/etc/passwd; true"
    with untouched(target):
        with plain_pod(node) as pod:
            contains(pod.sh(script, image_name=image, linux=masked), "character special file 1:3")
            # The same by a volume over /dev; where that cannot be, it is refused.
            refusal = attempt(lambda: contains(
                pod.sh(script, mounts=[{"container_path": "/dev", "host_path": volume}], linux=masked),
                "character special file 1:3"))
            check(refusal is None or "/dev" in refusal, refusal)


@test("CVE-2026-41579: a /dev that is a symbolic link out of the image makes no device on the host")
def _(node):
    for number, target in enumerate(("../../../../../../etc", "/etc", "/proc/1/root/etc")):
        image = crafted(node, f"dev-link{number}", link(target, "/dev"))
        with untouched("/etc"), plain_pod(node) as pod:
            refusal = attempt(pod.output, ["true"], image_name=image)
            # Inside of the image a link leads to a directory like any other; one of procfs leads nowhere.
            check("/dev: Too many levels" in refusal if number == 2 else refusal is None, refusal)
            check(not os.path.lexists("/etc/ptmx") and not os.path.lexists("/etc/null"), "devices in the host's /etc")


@test("CVE-2022-29162: nothing is inheritable, for containers and for commands in them")
def _(node):
    def sets(text):
        return {line.split(":")[0]: line.split()[1] for line in text.splitlines()}
    show = "grep ^Cap /proc/self/status"
    for capabilities in ({}, {"add_capabilities": ["NET_ADMIN", "SYS_PTRACE"]}, {"add_capabilities": ["ALL"]}):
        with plain_pod(node) as pod:
            context = security(capabilities=capabilities)
            container = pod.start(["sleep", "1000"], **context)
            for text in (pod.sh(show, **context), container.exec(SHELL, "-c", show).out):
                equal((int(sets(text)["CapInh"], 16), int(sets(text)["CapAmb"], 16)), (0, 0), "inheritable and ambient")
                check(int(sets(text)["CapEff"], 16) != 0, "a container without any capability proves nothing")


@test("CVE-2022-0811: a sysctl's value cannot set another one")
def _(node):
    target = "/proc/sys/kernel/core_pattern"
    values = ("1+kernel.core_pattern=|/evil", "1\nkernel.core_pattern=|/evil", "1 kernel.core_pattern=|/evil")
    with untouched(target):
        for value in values:
            refusal = attempt(node.cri.RunPodSandbox,
                              config=node.pod_config(linux={"sysctls": {"kernel.shm_rmid_forced": value}}))
            check(refusal is not None, f"{value!r} was accepted")
            contains(refusal, "kernel.shm_rmid_forced")
        for key in ("kernel.core_pattern", "net/../kernel/core_pattern", "net.ipv4/../../kernel/core_pattern",
                    "kernel.shm_rmid_forced+kernel.core_pattern"):
            refusal = attempt(node.cri.RunPodSandbox, config=node.pod_config(linux={"sysctls": {key: "|/evil"}}))
            check(refusal is not None and key in refusal, f"{key!r}: {refusal!r}")


@test("CVE-2020-15257: no socket of the runtime is abstract, and all are for root alone")
def _(node):
    with node.run_pod(**modes(network="NODE")) as pod:
        pod.start(["sleep", "1000"], **modes(network="NODE"))
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


@test("CVE-2021-41103: nobody but root reaches what containers have written")
def _(node):
    with plain_pod(node) as pod:
        container = pod.start([SHELL, "-c", "cp /bin/busybox /mine; chmod 4755 /mine; echo there; sleep 1000"])
        deadline = time.monotonic() + 10
        while "there" not in container.output() and time.monotonic() < deadline:
            time.sleep(0.02)
        places = [path for path, directories, files in os.walk(node.root) if "mine" in files]
        check(places, "the container's file was not found below the root")
        for place in places:
            parts = place[len(node.root):].split("/")
            closed = [path for path in ("/".join([node.root] + parts[1:end]) for end in range(1, len(parts) + 1))
                      if os.stat(path).st_mode & 0o011 == 0]
            check(closed, f"{place}/mine can be reached by anybody")
        denied = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "stat",
                                 places[0] + "/mine"], capture_output=True, text=True)
        contains(denied.stderr, "Permission denied")
