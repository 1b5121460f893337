# SPDX-License-Identifier: Apache-2.0
"""What happens on a kernel, or below a filter, that lacks a system call: nothing is done in a less safe
way. Containers are refused with a sentence that names the call; docs/host-limits.md says which and why."""
import os
import subprocess

import oci
from harness import BUILD, Node, Skip, check, contains, equal, test

DENY = BUILD + "/tests/system/deny_syscalls"
NEEDED = {"openat2": "5.6", "clone3": "5.7", "fsopen": "5.2", "move_mount": "5.2", "mount_setattr": "5.12", "close_range": "5.11",
          "pidfd_open": "5.3"}


class Denied(oci.Runtime):
    def __init__(self, *names):
        if not os.path.exists(DENY):
            raise Skip(f"{DENY} is not built")
        super().__init__()
        self.denied = ",".join(names)

    def command(self, *arguments):
        return [DENY, self.denied, *super().command(*arguments)]


@test("a filter that denies what nothing needs changes nothing")
def _(_node):
    runtime = Denied("quotactl")
    try:
        bundle = runtime.bundle("sh", "-c", "echo fine; grep Seccomp_filters /proc/self/status")
        # One filter is the launcher's: what it denies is denied to all that follows.
        equal(bundle.run().split(), ["fine", "Seccomp_filters:", "1"])
    finally:
        runtime.clean()


@test("berth-oci refuses containers without a call that they need, by its name and its kernel, and leaves nothing")
def _(_node):
    for names in (*((name,) for name in NEEDED), tuple(NEEDED)):
        runtime = Denied(*names)
        bundle = runtime.bundle("true")
        for verb in (("run", "--bundle", bundle.dir, bundle.id), ("create", "--bundle", bundle.dir, bundle.id), ("exec", bundle.id, "true"),
                     ("start", bundle.id), ("kill", bundle.id), ("delete", bundle.id)):
            done = runtime.raw(*verb)
            check(done.returncode != 0, f"{verb[0]} without {names}")
            contains(done.stderr, f"no system call {names[0]}, without which no container is safe: use Linux {NEEDED[names[0]]}")
        equal(os.listdir(runtime.root), [], f"containers without {names}")
        contains(runtime.call("spec", "--help"), "spec")
        runtime.clean()


@test("berthd does not start without them, and says which is missing")
def _(_node):
    for names in (*((name,) for name in NEEDED), tuple(NEEDED)):
        node = Node("old")
        done = subprocess.run([DENY, ",".join(names), *node.command()], capture_output=True, text=True, timeout=20)
        check(done.returncode != 0, f"berthd started without {names}")
        contains(done.stdout + done.stderr, f"no system call {names[0]}")
        equal(os.listdir(node.state), [], "what it made before it looked")
