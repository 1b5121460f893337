# SPDX-License-Identifier: Apache-2.0
"""Attacks on who a process is and what it may: users, groups, capabilities, labels, sysctls, the default
filter. docs/security-tests.md names for each test the line of source that it watches."""
import os

import oci
from attacks import SHELL, attempt, crafted, modes, mount, plain_pod, security, untouched
from harness import check, contains, equal, refused, test, write
from pods import env

SHOW_CAPABILITIES = "grep ^Cap /proc/self/status"


def sets(text):
    return {line.split(":")[0]: int(line.split()[1], 16) for line in text.splitlines() if line.startswith("Cap")}


@test("CVE-2022-29162: nothing is inheritable, for containers and for commands in them")
def _(node):
    for capabilities in ({}, {"add_capabilities": ["NET_ADMIN", "SYS_PTRACE"]}, {"add_capabilities": ["ALL"]}):
        with plain_pod(node) as pod:
            context = security(capabilities=capabilities)
            container = pod.start(["sleep", "1000"], **context)
            for text in (pod.sh(SHOW_CAPABILITIES, **context), container.exec(SHELL, "-c", SHOW_CAPABILITIES).out):
                found = sets(text)
                equal((found["CapInh"], found["CapAmb"]), (0, 0), "inheritable and ambient")
                check(found["CapEff"] != 0, "a container without any capability proves nothing")


@test("CVE-2022-24769: nor for berth-oci, whose commands are given capabilities by name")
def _(_node):
    with oci.runtime() as runtime:
        bundle = runtime.bundle("sleep", "1000")
        bundle.create()
        bundle.start()
        for flags in ((), ("--cap", "CAP_SYS_ADMIN"), ("--cap", "CAP_NET_RAW", "--user", "1000:1000")):
            found = sets(runtime.call("exec", *flags, bundle.id, "cat", "/proc/self/status"))
            equal(found["CapInh"], 0, f"inheritable with {flags}")


@test("CVE-2018-1000400: a user who is not root has no ambient capability that nobody gave him")
def _(node):
    with plain_pod(node) as pod:
        for capabilities in ({}, {"add_capabilities": ["NET_BIND_SERVICE", "SYS_ADMIN"]}):
            context = security(capabilities=capabilities, run_as_user={"value": 1000})
            container = pod.start(["sleep", "1000"], **context)
            for text in (pod.sh(SHOW_CAPABILITIES, **context), container.exec(SHELL, "-c", SHOW_CAPABILITIES).out):
                found = sets(text)
                equal((found["CapAmb"], found["CapEff"], found["CapPrm"]), (0, 0, 0))
        context = security(capabilities={"add_ambient_capabilities": ["NET_BIND_SERVICE"]}, run_as_user={"value": 1000})
        equal(sets(pod.sh(SHOW_CAPABILITIES, **context))["CapAmb"], 1 << 10, "what was asked for")


@test("CVE-2022-2995: a file that denies a group is denied to its members, primary and supplementary")
def _(node):
    def users(directory):
        write(directory + "/etc/passwd", "root:x:0:0::/:/bin/sh\nmember:x:1000:3000::/:/bin/sh\n")
        write(directory + "/etc/group", "root:x:0:\nown:x:3000:\ndenied:x:4000:member\n")
    image, volume = crafted(node, "groups", users), node.dir + "/denying"
    with plain_pod(node) as pod:
        for group, context, denied in ((4000, {"run_as_username": "member"}, True), (3000, {"run_as_username": "member"}, True),
                                       (4000, {"run_as_username": "member", "supplemental_groups_policy": "Strict"}, False),
                                       (5000, {"run_as_user": {"value": 1000}, "supplemental_groups": [5000]}, True),
                                       (0, {"run_as_username": "member"}, False)):
            write(volume + "/file", "read")
            os.chown(volume + "/file", 0, group)
            os.chmod(volume + "/file", 0o604)
            read = [SHELL, "-c", "cat /v/file 2>/dev/null; exit 0"]
            container = pod.start(["sleep", "1000"], image_name=image, mounts=[mount("/v", volume)], **security(**context))
            found = pod.output(read, image_name=image, mounts=[mount("/v", volume)], **security(**context))
            equal((found, container.exec(*read).out), ("", "") if denied else ("read", "read"), f"group {group} with {context}")


@test("CVE-2022-2995: the runtime's own groups do not come along")
def _(node):
    with plain_pod(node) as pod:
        equal(pod.sh("id -G", **security(run_as_user={"value": 1000}, run_as_group={"value": 1001})), "1001\n")
    with oci.runtime() as runtime:
        bundle = runtime.bundle("id", "-G")
        equal(bundle.run(preexec_fn=lambda: os.setgroups([7, 8])), "0\n")


@test("CVE-2022-4318: what HOME holds makes no line of passwd, nor a pod's names lines of its files")
def _(node):
    with plain_pod(node) as pod:
        before = pod.sh("cat /etc/passwd")
        equal(pod.sh("cat /etc/passwd", envs=[env("HOME", "/x\nevil::0:0::/:/bin/sh")]), before)
    for more, words in (({"hostname": "a\n6.6.6.6 evil"}, ["hostname"]),
                        ({"dns_config": {"servers": ["10.0.0.1\nnameserver 6.6.6.6"]}}, ["dns_config"]),
                        ({"dns_config": {"searches": ["a\nnameserver 6.6.6.6"]}}, ["dns_config"]),
                        ({"dns_config": {"options": ["a\nnameserver 6.6.6.6"]}}, ["dns_config"])):
        refused("INVALID_ARGUMENT", words, node.cri.RunPodSandbox, config=node.pod_config(**more))


@test("CVE-2026-30892: a user of exec that is not a number is refused, never taken for root")
def _(_node):
    words = ("", "x", "1x", "x1", "-1", "+1", " 1", "1 ", "0x10", "1e3", "4294967296", "4294967295", "2147483648", "99999999999999999999",
             "1:", ":1", "1:x", "1:-1", "1:4294967296", "1:2:3", "1,2", "1.5", "root:", "\u0661", "1\n")
    with oci.runtime() as runtime:
        bundle = runtime.bundle("sleep", "1000")
        bundle.create()
        bundle.start()
        for word in words:
            done = runtime.raw("exec", "--user", word, bundle.id, "id", "-u")
            check(done.returncode != 0 and done.stdout == "", f"{word!r} ran as {done.stdout!r}")
        equal(runtime.call("exec", "--user", "2147483647:5", bundle.id, SHELL, "-c", "id -u; id -g"), "2147483647\n5\n")


@test("CVE-2024-40635: an image's USER that would wrap to root is refused")
def _(node):
    for number, user in enumerate(("4294967296", "2147483648", "-1", "4294967296:4294967296", "1:4294967296", "0:-1")):
        image = crafted(node, f"user{number}", lambda directory: None, "--user", user)
        with plain_pod(node) as pod:
            refusal = attempt(pod.sh, "id -u", image_name=image)
            check(refusal is not None, f"{user} ran")
            contains(refusal, user.split(":")[-1] if user.startswith(("1:", "0:")) else user.split(":")[0])


@test("CVE-2016-3697: a user's name that is a number is that number")
def _(node):
    image = crafted(node, "numbers", lambda directory: write(directory + "/etc/passwd", "1000:x:0:0::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n"),
                    "--user", "1000")
    with plain_pod(node) as pod:
        equal(pod.sh("id -u", image_name=image), "1000\n")
        equal(pod.sh("id -u", image_name=image, **security(run_as_username="1000")), "1000\n")
        container = pod.start(["sleep", "1000"], image_name=image)
        equal(container.exec("id", "-u").out, "1000\n")


@test("CVE-2022-0811: a sysctl's value cannot set another one")
def _(node):
    target = "/proc/sys/kernel/core_pattern"
    values = ("1+kernel.core_pattern=|/evil", "1\nkernel.core_pattern=|/evil", "1 kernel.core_pattern=|/evil")
    with untouched(target):
        for value in values:
            refusal = attempt(node.cri.RunPodSandbox, config=node.pod_config(linux={"sysctls": {"kernel.shm_rmid_forced": value}}))
            check(refusal is not None, f"{value!r} was accepted")
            contains(refusal, "kernel.shm_rmid_forced")
        for key in ("kernel.core_pattern", "net/../kernel/core_pattern", "net.ipv4/../../kernel/core_pattern",
                    "kernel.shm_rmid_forced+kernel.core_pattern"):
            refusal = attempt(node.cri.RunPodSandbox, config=node.pod_config(linux={"sysctls": {key: "|/evil"}}))
            check(refusal is not None and key in refusal, f"{key!r}: {refusal!r}")


ANNOTATIONS = {"org.systemd.property.ExecStart": "'/bin/evil'", "org.systemd.property.MemoryMax": "uint64 1",
               "io.kubernetes.cri-o.UnifiedCgroup": "memory.max=max;pids.max=max", "cpu-quota.crio.io": "disable",
               "cpu-load-balancing.crio.io": "disable", "io.kubernetes.cri-o.LinkLogs": "/etc", "run.oci.hooks": "/bin/evil",
               "module.wasm.image/variant": "compat", "run.oci.handler": "krun", "io.container.manager": "libpod",
               "seccomp.security.alpha.kubernetes.io/pod": "unconfined", "io.berth.anything": "/etc"}


@test("CVE-2024-3154, CVE-2023-6476: annotations of pods and containers change no limit and no unit")
def _(node):
    script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; grep -E 'Seccomp:|CapEff' /proc/self/status"
    limits = {"resources": {"memory_limit_in_bytes": 64 << 20}, "security_context": {"seccomp": {"profile_type": "RuntimeDefault"}}}
    heard = os.path.getsize(node.log)
    with plain_pod(node) as pod:
        expected = pod.sh(script, linux=limits)
    contains(expected, str(64 << 20))
    with node.run_pod(annotations=ANNOTATIONS, labels=ANNOTATIONS, **modes(network="NODE")) as pod:
        equal(pod.sh(script, annotations=ANNOTATIONS, labels=ANNOTATIONS, linux=limits), expected)
        with open(node.log) as file:
            file.seek(heard)
            check("evil" not in file.read(), "the daemon heard of it")


@test("CVE-2026-53488: labels of an image are labels of that image, and of nothing else")
def _(node):
    labels = [word for key, value in ANNOTATIONS.items() for word in ("--label", f"{key}={value}")]
    image = crafted(node, "labels", lambda directory: None, *labels, "--label", "io.kubernetes.container.logpath=binary:///bin/evil")
    with plain_pod(node) as pod:
        container = pod.start(["sleep", "1000"], image_name=image)
        status = container.status()
        equal((status.get("labels", {}), status.get("annotations", {})), ({}, {}))
        equal(status["log_path"], container.log_file())


@test("CVE-2022-0492: the first call of a known kernel exploit is refused, also to root")
def _(node):
    commands = {"unshare -U true": "unshare", "unshare -m true": "unshare", "unshare -C true": "unshare",
                "mount -t tmpfs none /tmp": "mount", "mount -t cgroup -o rdma none /tmp": "mount", "umount /proc": "umount",
                "chroot / swapoff /x": "swapoff", "insmod /bin/busybox": "module", "nsenter -t 1 -m true": "setns",
                "pivot_root / /": "pivot", "dmesg -c": "syslog"}
    script = "".join(f"({command}) >/dev/null 2>&1 && echo '{command}'; " for command in commands) + "echo end"
    with plain_pod(node) as pod:
        for more in ({}, {"capabilities": {"add_capabilities": ["NET_ADMIN", "SYS_CHROOT"]}}):
            equal(pod.sh(script, **security(seccomp={"profile_type": "RuntimeDefault"}, **more)), "end\n")


@test("CVE-2023-25809: a container cannot write to any cgroup that it sees")
def _(node):
    script = ("find /sys/fs/cgroup -type f -exec sh -c 'for f; do (: >>$f) 2>/dev/null && echo $f; done' _ {} +; "
              "find /sys/fs/cgroup -type d -exec sh -c 'for d; do mkdir $d/evil 2>/dev/null && echo $d; done' _ {} +; "
              "for d in $(ls -d /sys/fs/cgroup /sys/fs/cgroup/*/); do mount -o remount,rw $d 2>/dev/null && echo remounted $d; done; echo end")
    with plain_pod(node) as pod:
        contains(pod.sh("ls /sys/fs/cgroup"), "\n")
        equal(pod.sh(script), "end\n")


@test("CVE-2023-25809: nor does a container of berth-oci, unless its cgroup is delegated to it")
def _(_node):
    def with_cgroups(config):
        config["mounts"] = [entry for entry in config["mounts"] if entry["destination"] != "/sys/fs/cgroup"]
        config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                 "options": ["nosuid", "noexec", "nodev", "ro"]})
    script = ("find /sys/fs/cgroup -name tasks -exec sh -c 'for f; do (: >>$f) 2>/dev/null && echo $f; done' _ {} +; "
              "find /sys/fs/cgroup -type d -exec sh -c 'for d; do mkdir $d/evil 2>/dev/null && echo $d; done' _ {} +; echo end")
    with oci.runtime() as runtime:
        equal(runtime.bundle(SHELL, "-c", script, change=with_cgroups).run(), "end\n")


@test("CVE-2021-43784: names that are too long for a netlink attribute are refused before one is written")
def _(_node):
    def long_device(config):
        config["linux"]["netDevices"] = {"x" * 70000: {"name": "eth0"}}

    def long_name(config):
        config["linux"]["netDevices"] = {"lo": {"name": "y" * 70000}}
    with oci.runtime() as runtime:
        for change in (long_device, long_name):
            bundle = runtime.bundle("true", change=change)
            done = runtime.raw("run", "--bundle", bundle.dir, bundle.id)
            check(done.returncode == 1 and "netDevices" in done.stderr, done.stderr[-300:])
