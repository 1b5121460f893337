# SPDX-License-Identifier: Apache-2.0
"""The rest of what berth-oci, runc and crun are compared in: what takes more than a container's view of itself."""
import json
import os
import re
import socket
import subprocess
import threading

from harness import check, equal, test, wait_until
from oci import OCI
from suite_oci import receive_terminal
from suite_oci_compare import MEANT, PEERS, PROBE, differences, masks, normal, oci_runtime, peer, sections


def running(made, *words, **more):
    bundle = made.bundle(*words, **more)
    bundle.create()
    bundle.start()
    return bundle


def command(program):
    """What a further command sees, as another user and with rights of its own."""
    with oci_runtime(program) as made:
        bundle = running(made, "sleep", "1000")
        text = made.call("exec", "--user", "1000:100", "--cwd", "/tmp", "--env", "A=b c", "--cap", "CAP_NET_RAW", "--no-new-privs",
                         bundle.id, "/bin/sh", "-c", PROBE)
        return normal(sections(text.replace(bundle.id, "ID").replace(made.parent, "/PARENT")), masks(bundle.config))


def paused(program):
    """A command in a paused container: refused by its name, and not run later."""
    with oci_runtime(program) as made:
        bundle = running(made, "sleep", "1000")
        made.call("pause", bundle.id)
        done = made.raw("exec", bundle.id, "touch", "/ran")
        status = made.status(bundle.id)
        made.call("resume", bundle.id)
        return {"refused": [done.returncode != 0], "named": ["paused" in done.stderr], "status": [status],
                "ran": [os.path.exists(bundle.dir + "/rootfs/ran")]}


def terminal(program):
    with oci_runtime(program) as made:
        text = ("tty; stty size; ls -ln /dev/console | awk '{print $1, $3, $4}'; for f in 0 1 2; do readlink /proc/self/fd/$f; done; "
                "awk '{print ($5 == $6), ($1 == $6), ($7 != 0)}' /proc/1/stat; grep /dev/console /proc/self/mountinfo | cut -d' ' -f5,6,9")
        bundle = made.bundle("sh", "-c", text, terminal=True, consoleSize={"height": 33, "width": 99})
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(bundle.dir + "/tty.sock")
            listener.listen()
            bundle.create("--console-socket", bundle.dir + "/tty.sock")
            master = receive_terminal(listener)
            bundle.start()
            seen = b""
            try:
                while part := os.read(master, 4096):
                    seen += part
            except OSError:
                pass  # the container has ended
            os.close(master)
        return {"terminal": seen.decode().split("\r\n")}


def agent(program):
    """What a seccomp agent is sent: the keys and what is the same in every container."""
    with oci_runtime(program) as made, socket.socket(socket.AF_UNIX) as listener:
        path = f"/run/agent-{os.getpid()}.sock"
        listener.bind(path)
        listener.listen()
        states = []

        def take():
            connection = listener.accept()[0]
            text, fds, *_ = socket.recv_fds(connection, 1 << 16, 4)
            states.append((json.loads(text), len(fds)))
            for fd in fds:
                os.close(fd)
            connection.close()
        thread = threading.Thread(target=take, daemon=True)
        thread.start()

        def change(config):
            config["annotations"] = {"a": "b"}
            config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "listenerMetadata": "meta",
                                          "syscalls": [{"names": ["swapoff"], "action": "SCMP_ACT_NOTIFY"}]}
        bundle = made.bundle("sh", "-c", "grep Seccomp: /proc/self/status; swapoff /x 2>&1", change=change)
        # The agent is gone when it is asked: the call is not there.
        out = made.raw("run", "--bundle", bundle.dir, bundle.id).stdout
        thread.join(20)
        os.unlink(path)
        state, count = states[0]
        same = {key: state.get(key) for key in ("fds", "metadata")}
        return {"output": out.splitlines(), "descriptors": [str(count)], "keys": sorted(state), "same": [json.dumps(same, sort_keys=True)],
                "state": sorted(state["state"]), "bundle": [str(state["state"]["bundle"] == bundle.dir)],
                "annotations": [str(state["state"].get("annotations"))], "status": [state["state"]["status"]]}


def keyring(program):
    def change(config):
        config["linux"]["maskedPaths"] = []
    with oci_runtime(program) as made:
        with open("/proc/keys") as file:
            before = {line.split()[0] for line in file}
        bundle = made.bundle("sh", "-c", "cat /proc/keys", change=change)
        new = [line for line in bundle.run().replace(bundle.id, "ID").splitlines() if line.split()[0] not in before]
        # The name is everybody's own; ours is one that nobody can guess, and so join.
        return {"session": [re.sub(r"(?:_ses\.)?(?:ID|[0-9a-f]{64})", "NAME", " ".join(line.split()[7:])) for line in new]}


def preserved(program):
    """Descriptors that are passed on, and how a program is told of them."""
    with oci_runtime(program) as made:
        bundle = made.bundle("sh", "-c", "cat <&3; cat <&4; ls /proc/self/fd | tr '\\n' ' '; echo; env | grep LISTEN | sort")
        ends = []
        for text in (b"third\n", b"fourth\n"):
            read, write = os.pipe()
            os.write(write, text)
            os.close(write)
            ends.append(read)
        line = made.command("run", "--preserve-fds", "1", "--bundle", bundle.dir, bundle.id)
        script = f'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@" 3<&{ends[0]} 4<&{ends[1]}'
        done = subprocess.run(["sh", "-c", script, "sh", *line], capture_output=True, text=True, pass_fds=ends, timeout=60)
        for end in ends:
            os.close(end)
        return {"output": done.stdout.splitlines(), "status": [str(done.returncode)]}


POINTS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def hook_order(program):
    """The points in their order, with the status that each is told, and whether the number is right."""
    with oci_runtime(program) as made:
        bundle = made.bundle("true")
        story = bundle.dir + "/story"
        text = f"echo $0 $(tr -d ' \\n' | grep -o '\"status\":\"[a-z]*\"') >>"
        places = {"startContainer": "/story"}
        bundle.config["hooks"] = {point: [{"path": "/bin/sh", "args": ["sh", "-c", text + places.get(point, story), point],
                                           "env": ["PATH=/bin:/usr/bin"]}] for point in POINTS}
        bundle.write()
        bundle.create()
        bundle.start()
        wait_until(lambda: made.status(bundle.id) == "stopped", what="the end")
        with open(bundle.dir + "/rootfs/story") as file:
            inside = file.read().splitlines()
        bundle.delete()
        with open(story) as file:
            story = [line.split(" ") for line in [*inside, *file.read().splitlines()]]
        return {"order": [" ".join(point for point, _ in story)], "status": [status for _, status in story]}


def stages(program):
    """What `state` says at each stage, and what the verbs that do not fit then are told."""
    def change(config):
        config["annotations"] = {"org.test": "value"}

    def kept(state):
        return json.dumps({key: state.get(key) for key in ("id", "status", "annotations")} |
                          {"pid": state.get("pid", 0) > 0, "bundle": state["bundle"] == bundle.dir}, sort_keys=True).replace(bundle.id, "ID")
    with oci_runtime(program) as made:
        bundle = made.bundle("sleep", "1000", change=change)
        bundle.create()
        seen = [kept(made.state(bundle.id)), f"create {made.raw('create', '--bundle', bundle.dir, bundle.id).returncode != 0}"]
        bundle.start()
        seen += [kept(made.state(bundle.id)), f"start {made.raw('start', bundle.id).returncode != 0}",
                 f"delete {made.raw('delete', bundle.id).returncode != 0}"]
        made.call("kill", bundle.id, "KILL")
        wait_until(lambda: made.status(bundle.id) == "stopped", what="the end")
        seen += [kept(made.state(bundle.id)), f"kill {made.raw('kill', bundle.id, 'TERM').returncode != 0}",
                 f"exec {made.raw('exec', bundle.id, 'true').returncode != 0}"]
        bundle.delete()
        return {"stages": seen, "gone": [str(made.raw("state", bundle.id).returncode != 0)]}


QUESTIONS = {"a further command": command, "a command in a paused container": paused, "a terminal and its size": terminal,
             "what a seccomp agent is sent": agent, "the session keyring": keyring, "descriptors that are passed on": preserved,
             "the order of the hooks": hook_order, "the states of a container": stages}
LEFT_OUT = {
    # Of the specification's statuses some are told later than it says.
    ("runc", hook_order): {"status": ("running",)},
    ("crun", hook_order): {"status": ("",)},
    # crun takes neither the container's environment nor its limits and rights, when it is given some.
    ("crun", command): {"env": ("PATH=", "TERM="), "limits": ("Max open files",), "status": ("CapBnd",)},
    ("crun", terminal): {"terminal": ("/dev/console ",)},
    ("crun", preserved): {"output": ("LISTEN_FDS",)},
}


def comparison(name, question):
    def run(_node):
        program = peer(name)
        found = differences(question(OCI), question(program), {**MEANT[name], **LEFT_OUT.get((name, question), {})})
        check(not found, "\n".join(found))
    return run


for peer_name in PEERS:
    for words, asked in QUESTIONS.items():
        test(f"as {peer_name}: {words}")(comparison(peer_name, asked))


@test("as runc: features")
def _(_node):
    """What the older one can do, ours can, too."""
    with oci_runtime(OCI) as ours, oci_runtime(peer("runc")) as theirs:
        mine, other = json.loads(ours.call("features")), json.loads(theirs.call("features"))
    equal(mine["hooks"], other["hooks"])

    def missing(path, one, two):
        if isinstance(two, dict):
            return [entry for key, value in two.items() for entry in missing(f"{path}.{key}", (one or {}).get(key), value)]
        if isinstance(two, list):
            return [f"{path}: {word}" for word in two if word not in (one or [])]
        return [f"{path}: {two}"] if two is True and one is not True else []
    found = missing("", {key: mine[key] for key in ("mountOptions", "linux")}, {key: other[key] for key in ("mountOptions", "linux")})
    # Ours says what this kernel has, and which processors' calls there are on this machine.
    meant = (".linux.seccomp.archs: ", ".linux.apparmor.enabled", ".linux.selinux.enabled", ".linux.cgroup.systemdUser")
    check(not [line for line in found if not line.startswith(meant)], found)
