# SPDX-License-Identifier: Apache-2.0
"""Attacks by amount: output, files and messages without end, sessions that are never closed, limits that
are not there. docs/security-tests.md names for each test the line of source that it watches."""
import base64
import os
import re

import oci
from attacks import attempt, crafted, plain_pod, security
from harness import check, contains, equal, test, wait_until
from suite_bad_input import push_layer, tar_of, upload  # noqa: F401

MiB = 1 << 20


def memory(pid):
    """The most that it ever had."""
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) << 10


@test("CVE-2022-1708: output of commands without end is cut, and costs the daemon what was promised")
def _(node):
    with plain_pod(node) as pod:
        container = pod.start(["sleep", "1000"])
        before = memory(node.process.pid)
        many = [node.cri.start("ExecSync", {"container_id": container.id, "cmd": ["head", "-c", str(20 * MiB), "/dev/zero"], "timeout": 50}, 60) for _ in range(2)]
        for future in many:
            equal(len(base64.b64decode(future.result(60)["stdout"])), 16 * MiB, "bytes kept")
        grown = memory(node.process.pid) - before
        check(grown < 200 * MiB, f"grew by {grown >> 20} MiB")
        equal(container.exec("echo", "fine").out, "fine\n")


@test("CVE-2022-23471: sessions that fail or end leave no descriptor and no thread behind")
def _(node):
    def open_things(pid):
        return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))
    with plain_pod(node) as pod:
        container = pod.start(["sleep", "1000"])
        shim = next(pid for pid in filter(str.isdigit, os.listdir("/proc")) if is_shim(pid))

        def rounds(count):
            for _ in range(count):
                attempt(container.exec, "/no/such/program")
                container.exec("true")
                attempt(container.exec, "sleep", "100", timeout=1) if count < 5 else None
        rounds(10)
        before = (open_things(node.process.pid), open_things(shim))
        rounds(300)
        wait_until(lambda: all(now[0] <= then[0] + 2 for now, then in zip((open_things(node.process.pid), open_things(shim)), before)),
                   what=f"descriptors as before: {before}")


def is_shim(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read() == b"berth-pid1\0shim\0"
    except OSError:
        return False


@test("CVE-2025-4437: a passwd file of the size of a disk is read to its bound and no further")
def _(node):
    def endless(directory):
        os.makedirs(directory + "/etc")
        with open(directory + "/etc/passwd", "wb") as file:
            file.truncate(192 * MiB)
    image = crafted(node, "endless", endless, "--level", "1")
    with plain_pod(node) as pod:
        before = memory(node.process.pid)
        refusal = attempt(pod.create, ["true"], image_name=image, **security(run_as_username="somebody"))
        contains(refusal or "", "/etc/passwd")
        grown = memory(node.process.pid) - before
        check(grown < 48 * MiB, f"grew by {grown >> 20} MiB")


@test("CVE-2023-25153: an image's documents are read to their bounds")
def _(node):
    import hashlib
    import http.client
    import json
    from harness import REGISTRY
    layer = tar_of(("f", b"0", "", b"x"))
    oci_type = "application/vnd.oci.image."
    blank = b" " * (9 * MiB)
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode() + blank
    manifest = json.dumps({"schemaVersion": 2, "mediaType": oci_type + "manifest.v1+json",
                           "config": {"mediaType": oci_type + "config.v1+json", "digest": upload("bad/config", config), "size": len(config)},
                           "layers": [{"mediaType": oci_type + "layer.v1.tar", "digest": upload("bad/config", layer), "size": len(layer)}]})
    connection = http.client.HTTPConnection(REGISTRY, timeout=30)
    connection.request("PUT", "/v2/bad/config/manifests/1", manifest, {"Content-Type": oci_type + "manifest.v1+json"})
    equal(connection.getresponse().status, 201)
    before = memory(node.process.pid)
    check(attempt(node.pull, f"{REGISTRY}/bad/config:1") is not None, "a configuration of 9 MiB was read")
    check(memory(node.process.pid) - before < 16 * MiB, "it was kept in memory")


@test("CVE-2020-8557: what a container writes to the files of its pod does not fill the node's disk")
def _(node):
    def used(path):
        info = os.statvfs(path)
        return (info.f_blocks - info.f_bfree) * info.f_frsize
    with plain_pod(node) as pod:
        before = {path: used(path) for path in (node.root, node.state)}
        for name in ("hosts", "resolv.conf", "hostname"):
            text = pod.sh(f"dd if=/dev/zero of=/etc/{name} bs=1M count=64 2>&1; true")
            contains(text, "No space left on device")
        for path, bytes_before in before.items():
            check(used(path) - bytes_before < 8 * MiB, f"{(used(path) - bytes_before) >> 20} MiB more in {path}")


@test("CVE-2025-47291: a container in a user namespace is in its cgroups, with its limits")
def _(_node):
    def in_user_namespace(config):
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
        config["linux"]["resources"] = {"pids": {"limit": 33}, "memory": {"limit": 64 * MiB}}
        config["process"]["user"] = {"uid": 0, "gid": 0}
    with oci.runtime() as runtime:
        bundle = runtime.bundle("sleep", "1000", change=in_user_namespace)
        os.chmod(runtime.dir, 0o755)
        bundle.create()
        bundle.start()
        expect_limits(runtime.state(bundle.id)["pid"], bundle.config["linux"]["cgroupsPath"], {"pids.max": "33"})


def expect_limits(pid, group, files):
    with open(f"/proc/{pid}/cgroup") as file:
        groups = [line.strip().split(":", 2)[2] for line in file]
    check(sum(path.endswith(group) for path in groups) >= 1, f"{group} is not among {groups}")
    import isolate
    for name, value in files.items():
        found = {open(f"{hierarchy}{group}/{name}").read().strip() for hierarchy in isolate.hierarchies()
                 if os.path.exists(f"{hierarchy}{group}/{name}")}
        equal(found, {value}, name)
        holders = [hierarchy for hierarchy in isolate.hierarchies() if os.path.exists(f"{hierarchy}{group}/{name}")]
        with open(f"{holders[0]}{group}/cgroup.procs") as file:
            check(str(pid) in file.read().split(), f"{pid} is not where {name} is")


@test("Bounded everything: a hook's output, a plan's steps and descriptors, and a configuration have an end")
def _(_node):
    def chatty(config):
        config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "yes | head -c 50000000 >&2; exit 1"]}]}

    def many_mounts(config):
        config["mounts"] += [{"destination": f"/m{i}", "type": "tmpfs", "source": "t", "options": []} for i in range(5000)]

    def many_binds(config):
        config["mounts"] += [{"destination": f"/m{i}", "type": "bind", "source": "/dev/null", "options": ["bind"]} for i in range(300)]
    with oci.runtime() as runtime:
        for change, words in ((chatty, ["hook"]), (many_mounts, ["4096"]), (many_binds, ["descriptors"])):
            bundle = runtime.bundle("true", change=change)
            done = runtime.raw("run", "--bundle", bundle.dir, bundle.id)
            equal(done.returncode, 1, f"the status of {change.__name__}: {done.stderr[-300:]}")
            for word in words:
                contains(done.stderr, word)
            check(len(done.stderr) < 16384, f"{len(done.stderr)} bytes of {change.__name__}")
        bundle = runtime.bundle("true")
        with open(bundle.dir + "/config.json", "a") as file:
            file.write(" " * (64 * MiB))
        done = runtime.raw("run", "--bundle", bundle.dir, bundle.id)
        check(done.returncode == 1 and "config.json" in done.stderr, done.stderr[-300:])
