# SPDX-License-Identifier: Apache-2.0
"""Confinement by AppArmor: needs a kernel that has it (./dev node)."""
import contextlib
import json
import os
import shutil
import subprocess

from harness import BASE, Node, Skip, check, contains, equal, refused, test, wait_until, write

PROFILES = "/sys/kernel/security/apparmor/profiles"
STATUS = "cat /proc/self/attr/apparmor/current; "
SECRET = STATUS + "echo hidden >/secret; cat /secret 2>&1; echo done"


def need_apparmor():
    try:
        with open("/sys/module/apparmor/parameters/enabled") as file:
            enabled = file.read().startswith("Y")
    except OSError:
        enabled = False
    if not enabled:
        raise Skip("this kernel has no AppArmor: ./dev node has")


def parser(action, name, rules=""):
    text = f"profile {name} flags=(attach_disconnected) {{ file, capability, network, mount, umount, signal, ptrace, {rules} }}"
    subprocess.run(["apparmor_parser", "-K", action], input=text, text=True, check=True)


@contextlib.contextmanager
def loaded(name, rules=""):
    parser("--replace", name, rules)
    try:
        yield
    finally:
        parser("--remove", name)


def security(**more):
    return {"linux": {"security_context": more}}


def localhost(name, **more):
    return security(apparmor={"profile_type": "Localhost", "localhost_ref": name}, **more)


# Everything else that could refuse what AppArmor refuses is out of the way.
OPEN = {"capabilities": {"add_capabilities": ["ALL"]}, "masked_paths": [], "readonly_paths": []}


def apparmor_of(node):
    return json.loads(node.cri.Status(verbose=True)["info"]["info"])["apparmor"]


@contextlib.contextmanager
def slow_parser(seconds):
    """apparmor_parser, as it is on a busy machine."""
    parser, directory = "/usr/sbin/apparmor_parser", f"{BASE}/parser"
    os.makedirs(directory)
    shutil.copy(parser, directory + "/real")
    write(directory + "/slow", f"#!/bin/sh\nsleep {seconds}\nexec {directory}/real \"$@\"\n")
    os.chmod(directory + "/slow", 0o755)
    subprocess.run(["mount", "--bind", directory + "/slow", parser], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", parser], check=True)
        shutil.rmtree(directory)


@test("the daemon serves while its profile is being loaded, and a container that needs it waits for it")
def _(node):
    need_apparmor()
    parser("--remove", "berth-default")
    other = Node("apparmor")
    try:
        with slow_parser(8):
            other.start()
            equal(apparmor_of(other), "enabled, the default profile is being loaded")
            other.pull()
            with other.run_pod() as pod:
                contains(apparmor_of(other), "being loaded")  # a pod needs none
                contains(pod.sh(STATUS), "berth-default (enforce)")
            equal(apparmor_of(other), "enabled, default profile berth-default")
    finally:
        other.stop()


@test("the default profile is loaded at the start, and the daemon says so")
def _(node):
    need_apparmor()
    wait_until(lambda: apparmor_of(node) == "enabled, default profile berth-default", what="profile")
    with open(PROFILES) as file:
        contains(file.read(), "berth-default (enforce)")
    contains(node.ctl("check", check_status=False), "AppArmor: enabled, berth-default is loaded")


@test("berth-default: no mounts, no writes to the kernel's files, everything else as usual")
def _(node):
    need_apparmor()
    script = STATUS + """
        mount -t tmpfs none /tmp 2>/dev/null && echo mounted
        mount -o remount,rw /proc 2>/dev/null && echo remounted
        umount /proc 2>/dev/null && echo unmounted
        (echo >/proc/sysrq-trigger) 2>/dev/null && echo triggered
        (echo 60 >/proc/sys/vm/swappiness) 2>/dev/null && echo swapped
        (echo core >/proc/sys/kernel/core_pattern) 2>/dev/null && echo dumped
        (head -c 1 /proc/kcore >/dev/null) 2>/dev/null && echo kcore
        (echo 1000 >/proc/sys/kernel/msgmni) && echo messages
        echo hello >/tmp/file && cat /tmp/file && kill -0 $$"""
    with node.run_pod() as pod:
        for wish in ({}, {"apparmor": {"profile_type": "RuntimeDefault"}}, {"apparmor_profile": "runtime/default"}):
            text = pod.sh(script, **security(**OPEN, **wish))
            equal(text.split("\n")[:-1], ["berth-default (enforce)", "messages", "hello"], f"what happened with {wish}")


@test("a default profile that somebody removes is loaded again for the next container")
def _(node):
    need_apparmor()
    parser("--remove", "berth-default")
    with node.run_pod() as pod:
        contains(pod.sh(STATUS), "berth-default (enforce)")


@test("Unconfined is unconfined, and so is a privileged container")
def _(node):
    need_apparmor()
    script = STATUS + "mount -t tmpfs none /tmp && echo mounted"
    for pods, chosen in (({}, {**OPEN, "apparmor": {"profile_type": "Unconfined"}}), (security(privileged=True), {"privileged": True})):
        with node.run_pod(**pods) as pod:
            equal(pod.sh(script, **security(**chosen)).split(), ["unconfined", "mounted"])


@test("a Localhost profile denies what it denies, to an exec as well")
def _(node):
    need_apparmor()
    user = {"no_new_privs": True, "seccomp": {"profile_type": "RuntimeDefault"}}
    with loaded("berth-test", "deny /secret r,"), node.run_pod() as pod:
        for chosen in (localhost("berth-test"), localhost("localhost/berth-test"), localhost("berth-test", **user),
                       security(apparmor_profile="localhost/berth-test")):
            container = pod.start(["sh", "-c", SECRET + "; sleep 600"], **chosen)
            wait_until(lambda: "done" in container.output(), what="the end of the script")
            for text in (container.exec("sh", "-c", SECRET).out, container.output()):
                contains(text, "berth-test (enforce)")
                contains(text, "Permission denied")
                check("hidden" not in text, f"the file was read: {text}")


@test("a profile that is not loaded is refused by name, at creation and at exec")
def _(node):
    need_apparmor()
    with node.run_pod() as pod:
        refused("INVALID_ARGUMENT", ['"berth-absent" is not loaded'], pod.create, ["true"], **localhost("berth-absent"))
        with loaded("berth-test"):
            container = pod.start(["sleep", "600"], **localhost("berth-test"))
        refused("INVALID_ARGUMENT", ['"berth-test" is not loaded'], container.exec, "true")


@test("CVE-2025-52881: a container cannot put another file where the label of an exec is written")
def _(node):
    need_apparmor()
    trap = ("mount -t tmpfs none /proc && for d in self thread-self; do mkdir -p /proc/$d/attr/apparmor; "
            ": >/proc/$d/attr/exec; : >/proc/$d/attr/apparmor/exec; done; echo set; sleep 600")
    with loaded("berth-test", "deny /secret r,"), node.run_pod() as pod:
        container = pod.start(["sh", "-c", trap], **localhost("berth-test", **OPEN))
        wait_until(container.output, what="trap")
        text = container.exec("sh", "-c", "echo hidden >/secret; cat /secret /proc/*/attr/exec /proc/*/attr/apparmor/exec 2>&1").out
        equal(text, "cat: can't open '/secret': Permission denied\n")
