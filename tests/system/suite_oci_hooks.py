# SPDX-License-Identifier: Apache-2.0
"""Hooks of config.json under berth-oci: where they run, what they see, and what a failing one undoes."""
import json
import os
import subprocess

from harness import check, contains, equal, test, wait_until
from oci import runtime

BEFORE = ("prestart", "createRuntime")
OUTSIDE = ("prestart", "createRuntime", "poststart", "poststop")


def say(bundle, point, text="true", **more):
    """A hook that notes its point, and its stdin in a file of the point's name."""
    program = f"echo {point} >>{bundle.dir}/order; cat >{bundle.dir}/state.{point}; {text}"
    return {"path": "/bin/busybox", "args": ["sh", "-c", program], "env": ["PATH=/bin", f"POINT={point}"], **more}


def inside(point, text="true"):
    """One that runs in the container's own root."""
    return {"path": "/bin/sh", "args": ["sh", "-c", f"echo {point} >>/order; cat >/state.{point}; {text}"], "env": ["PATH=/bin"]}


def with_hooks(oci, args, **texts):
    bundle = oci.bundle(*args)
    hooks = {point: [say(bundle, point, texts.get(point, "true"))] for point in OUTSIDE}
    hooks["createContainer"] = [say(bundle, "createContainer", texts.get("createContainer", "true"))]
    hooks["startContainer"] = [inside("startContainer", texts.get("startContainer", "true"))]
    bundle.config["hooks"] = hooks
    bundle.write()
    return bundle


def order(bundle):
    path = bundle.dir + "/order"
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return file.read().split()


def state(bundle, point):
    with open(f"{bundle.dir}/state.{point}") as file:
        return json.load(file)


@test("hooks run in the specification's order, with the state on stdin")
def _(_node):
    with runtime() as oci:
        bundle = with_hooks(oci, ("sleep", "1000"))
        bundle.create()
        equal(order(bundle), ["prestart", "createRuntime", "createContainer"])
        pid = oci.state(bundle.id)["pid"]
        for point in BEFORE:
            seen = state(bundle, point)
            equal((seen["id"], seen["status"], seen["pid"], seen["bundle"]), (bundle.id, "creating", pid, bundle.dir))
        equal(state(bundle, "createContainer")["pid"], 1)
        bundle.start()
        equal(order(bundle)[3:], ["poststart"])
        with open(bundle.dir + "/rootfs/state.startContainer") as file:
            seen = json.load(file)
        equal((seen["status"], seen["pid"]), ("created", 1))
        equal(state(bundle, "poststart")["status"], "running")
        oci.call("kill", bundle.id, "KILL")
        oci.wait_stopped(bundle.id)
        oci.call("delete", bundle.id)
        equal(order(bundle)[4:], ["poststop"])
        equal(state(bundle, "poststop")["status"], "stopped")


@test("createContainer hooks see the container's mounts and the host's files, startContainer hooks the container")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("true")
        bundle.config["hooks"] = {
            "createContainer": [say(bundle, "createContainer",
                                    f"cat /proc/self/mountinfo >{bundle.dir}/mounts; readlink /proc/self/ns/uts >{bundle.dir}/uts")],
            "startContainer": [inside("startContainer", "ls / >/listing; readlink /proc/self/ns/uts >/uts")]}
        bundle.write()
        bundle.run()
        with open(bundle.dir + "/mounts") as file:
            contains(file.read(), "/dev/mqueue")
        with open(bundle.dir + "/rootfs/listing") as file:
            check("mounts" not in file.read().split(), "the bundle is not in the container")
        with open(bundle.dir + "/uts") as one, open(bundle.dir + "/rootfs/uts") as other:
            equal(one.read(), other.read())
        check(os.readlink("/proc/self/ns/uts") != open(bundle.dir + "/uts").read().strip(), "the host's UTS namespace")


@test("a hook that fails undoes everything, and poststop hooks still run")
def _(_node):
    with runtime() as oci:
        for point in ("prestart", "createRuntime", "createContainer"):
            bundle = with_hooks(oci, ("sleep", "1000"), **{point: "echo broken >&2; exit 3"})
            done = oci.raw("create", "--bundle", bundle.dir, bundle.id)
            equal(done.returncode, 1)
            for words in (f"{point} hook /bin/busybox", "exit status 3", "broken"):
                contains(done.stderr, words)
            equal(order(bundle)[-2:], [point, "poststop"])
            equal(os.listdir(oci.root), [], "state")
        for point in ("startContainer", "poststart"):
            bundle = with_hooks(oci, ("sleep", "1000"), **{point: "exit 4"})
            bundle.create()
            oci.refused([point, "exit status 4"], "start", bundle.id)
            equal(order(bundle)[-1], "poststop")
            equal(os.listdir(oci.root), [], "state")


@test("a failing poststop hook is only a warning")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("true")
        bundle.config["hooks"] = {"poststop": [say(bundle, "first", "exit 1"), say(bundle, "second")]}
        bundle.write()
        done = oci.raw("run", "--bundle", bundle.dir, bundle.id)
        equal(done.returncode, 0)
        contains(done.stderr, "warning: poststop hook")
        equal(order(bundle), ["first", "second"])


@test("a hook that takes too long is killed")
def _(_node):
    with runtime() as oci:
        for point in ("createRuntime", "createContainer"):
            bundle = oci.bundle("true")
            bundle.config["hooks"] = {point: [say(bundle, point, "sleep 100", timeout=1)]}
            bundle.write()
            oci.refused([point, "in time"], "run", "--bundle", bundle.dir, bundle.id, timeout=20)


@test("what a create leaves that is killed half-way is deleted")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("sleep", "1000")
        bundle.config["hooks"] = {"createRuntime": [say(bundle, "createRuntime", "exec sleep 3")]}
        bundle.write()
        process = subprocess.Popen(oci.command("create", "--bundle", bundle.dir, bundle.id), stdin=subprocess.DEVNULL)
        wait_until(lambda: order(bundle) == ["createRuntime"], what="the hook")
        pid = oci.state(bundle.id)["pid"]
        process.kill()
        process.wait()
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), what="the end of the child that nobody waits for")
        equal(oci.status(bundle.id), "stopped")
        oci.call("delete", "--force", bundle.id)
        equal(os.listdir(oci.root), [])


@test("hooks that do not read their stdin, or cannot be run")
def _(_node):
    with runtime() as oci:
        bundle = oci.bundle("true")
        bundle.config["annotations"] = {"long": "x" * 200000}
        bundle.config["hooks"] = {point: [{"path": "/bin/true"}] for point in ("prestart", "createContainer", "poststart")}
        bundle.write()
        bundle.run()
        for point in ("prestart", "createContainer", "startContainer"):
            bundle.config["hooks"] = {point: [{"path": "/no/such/hook"}]}
            bundle.write()
            oci.refused([point, "/no/such/hook", "No such file"], "run", "--bundle", bundle.dir, bundle.id)
        bundle.config["hooks"] = {"poststart": [{"path": "relative"}]}
        bundle.write()
        oci.refused(["hooks.poststart.path", "relative"], "run", "--bundle", bundle.dir, bundle.id)
