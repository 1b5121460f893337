# SPDX-License-Identifier: Apache-2.0
"""berth-oci without root of the machine: as a plain user, and as root of a user namespace."""
import contextlib
import json
import os
import pwd
import shutil
import subprocess

import oci
from harness import contains, equal, need, test, wait_until, write

USER = pwd.getpwnam("games")  # everybody's Debian has it, and it owns nothing
BECOME = ("setpriv", "--reuid", str(USER.pw_uid), "--regid", str(USER.pw_gid), "--clear-groups")


def program():
    """A berth-oci where everybody can reach it."""
    path = oci.DIRECTORY + "/everybody/berth-oci"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copy(oci.OCI, path)
    return path


@contextlib.contextmanager
def runtime(*prefix):
    """berth-oci by way of `prefix`; its state is the user's."""
    for name in ("setpriv", "unshare", "nsenter"):
        need(name)
    path = program()
    write(path + ".sh", f'#!/bin/sh\nexec {" ".join(prefix)} {path} "$@"\n')
    os.chmod(path + ".sh", 0o755)
    with oci.runtime(program=path + ".sh") as made:
        os.chown(made.root, USER.pw_uid, USER.pw_gid)
        yield made


def own(made, *args, change=None, **process):
    """A bundle as `spec --rootless` writes it."""
    box = made.bundle(*args, **process)
    os.chown(box.dir, USER.pw_uid, USER.pw_gid)
    os.remove(box.dir + "/config.json")
    made.call("spec", "--rootless", "--bundle", box.dir)
    with open(box.dir + "/config.json") as file:
        config = json.load(file)
    config["process"].update(args=list(args), terminal=False, **process)
    config["root"]["readonly"] = False
    if change:
        change(config)
    box.config = config
    box.write()
    return box


@test("a plain user's container maps him alone, and lives through create, start, exec, kill and delete")
def _(_node):
    with runtime(*BECOME) as made:
        box = own(made, "sleep", "1000")
        box.create()
        contains(box.err(), "gets no cgroup of its own")
        box.start()
        state = made.state(box.id)
        equal((state["status"], state["owner"]), ("running", str(USER.pw_uid)))
        for name, number in (("uid_map", USER.pw_uid), ("gid_map", USER.pw_gid)):
            equal(box.exec("cat", "/proc/self/" + name).split(), ["0", str(number), "1"])
        equal(box.exec("sh", "-c", "echo gone >/dev/null; id -u; hostname; kill -0 1 && echo same"), "0\nberth\nsame\n")
        equal(box.exec("cat", "/proc/1/cgroup"), box.exec("cat", "/proc/self/cgroup"))
        for words in (("ps",), ("pause",), ("update", "--pids-limit", "7"), ("kill", "--all")):
            made.refused(["no cgroup of its own"], *words, box.id)
        made.refused(["no cgroup of its own"], "exec", "--cgroup", "x", box.id, "true", status=255)
        made.refused(["root of the machine"], "checkpoint", "--image-path", made.root + "/x", box.id)
        made.call("kill", "--all", box.id, "KILL")
        made.wait_stopped(box.id)
        made.call("delete", box.id)
        box = own(made, "sh", "-c", "exit 7")
        box.run(status=7)
        box.runtime.flags = ["--rootless", "true"]
        box.run(status=7)
        box.runtime.flags = []


@test("what a plain user's rights do not go as far as is refused by name")
def _(_node):
    with runtime(*BECOME) as made:
        def refused(words, change):
            made.refused(words, "run", "--bundle", own(made, "true", change=change).dir, "x")
        refused(["his own user and group"], lambda config: config["linux"]["namespaces"].pop())
        refused(["his own user and group"], lambda config: config["linux"]["uidMappings"][0].update(hostID=0))
        refused(["his own user and group"], lambda config: config["linux"]["gidMappings"][0].update(size=2))
        refused(["linux.resources asks for limits", "pids"], lambda config: config["linux"].update(resources={"pids": {"limit": 9}}))
        refused(["PID namespace of its own", "ermission denied"], lambda config: config["linux"]["namespaces"].pop(0))
        groups = own(made, "true", change=lambda config: config["process"]["user"].update(additionalGids=[7]))
        contains(made.raw("run", "--bundle", groups.dir, "x").stderr, "process.user.additionalGids: setgroups is denied")
        made.refused(["--rootless false"], "--rootless", "false", "state", "x")
        equal(os.listdir(made.root), [])


@contextlib.contextmanager
def engine_namespace():
    """A user namespace of many ids and a mount namespace, as an engine's helpers make them; its first process."""
    process = subprocess.Popen([*BECOME, "unshare", "-U", "-m", "sleep", "1000"])
    try:
        wait_until(lambda: os.readlink(f"/proc/{process.pid}/ns/user") != os.readlink("/proc/self/ns/user"), what="the namespace")
        for name, number in (("uid_map", USER.pw_uid), ("gid_map", USER.pw_gid)):
            with open(f"/proc/{process.pid}/{name}", "w") as file:
                file.write(f"0 {number} 1\n1 100000 65536\n")
        yield process.pid
    finally:
        process.kill()
        process.wait()


@test("root of a user namespace runs what root runs, with its users and groups and the host's devices")
def _(_node):
    with engine_namespace() as pid, runtime("nsenter", "-t", str(pid), "-U", "-m", "-S", "0", "-G", "0") as made:
        box = made.bundle("sleep", "1000")
        box.create()
        contains(box.err(), "gets no cgroup of its own")
        box.start()
        equal(made.call("exec", "--user", "1000:100", "-g", "7", box.id, "sh", "-c", "id -u; id -g; id -G; echo gone >/dev/null"),
              "1000\n100\n100 7\n")
        contains(box.exec("mount"), "devtmpfs on /dev/null")
        box.delete()
        equal(made.bundle("stat", "-c", "%u %t:%T", "/dev/zero", "/proc", user={"uid": 1000, "gid": 1000}).run(), "65534 1:5\n65534 0:0\n")


@test("root of a user namespace without a mount namespace of his own gets one")
def _(_node):
    with runtime(*BECOME, "unshare", "-U", "-r") as made:
        box = own(made, "cat", "/proc/self/uid_map", change=lambda config: config["linux"]["namespaces"].pop())
        del box.config["linux"]["uidMappings"], box.config["linux"]["gidMappings"]
        box.write()
        equal(box.run().split(), ["0", str(USER.pw_uid), "1"])
