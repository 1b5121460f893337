# SPDX-License-Identifier: Apache-2.0
"""Other engines with berth-oci as their runtime."""
import os
import shutil
import subprocess

from harness import BASE, check, equal, need, test
from oci import OCI, DIRECTORY, _rootfs


@test("podman runs a container")
def _(_node):
    podman = need("podman")
    base = BASE + "/podman"
    os.makedirs(base)
    os.makedirs(DIRECTORY, exist_ok=True)
    _rootfs(base + "/rootfs")
    command = [podman, "--root", base + "/root", "--runroot", base + "/run", "--runtime", OCI, "--cgroup-manager", "cgroupfs",
               "--events-backend", "none"]
    flags = ["--network", "none", "--rm", "--rootfs"]
    try:
        done = subprocess.run([*command, "run", *flags, base + "/rootfs", "sh", "-c", "echo from podman; exit 3"],
                              capture_output=True, text=True, timeout=120)
        equal((done.stdout, done.returncode), ("from podman\n", 3), done.stderr)
        check("berth-oci" in subprocess.run([*command, "info"], capture_output=True, text=True, timeout=60).stdout,
              "podman does not name its runtime")
    finally:
        subprocess.run([*command, "rm", "-af"], capture_output=True, timeout=60)
        shutil.rmtree(base, ignore_errors=True)
