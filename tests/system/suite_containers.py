# SPDX-License-Identifier: Apache-2.0
"""What a container's process sees, through our own gRPC client."""
import os
import re
import resource

from cri import RpcError
from harness import Skip, another_node, check, contains, equal, refused, test, wait_until
from pods import RUNNING, env, merge


@test("a container runs, its output is in the CRI log, its exit code in the status")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "echo out; echo err >&2; exit 7"])
        equal(container.wait(), 7, "exit code")
        status = container.status()
        equal(status["reason"], "Error", "reason")
        equal(container.output("stdout"), "out\n")
        equal(container.output("stderr"), "err\n")
        with open(container.log_file()) as file:
            line = file.readline()
        check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d) (stdout F out|stderr F err)\n", line), line)
        times = [int(status[name]) for name in ("created_at", "started_at", "finished_at")]
        check(0 < times[0] <= times[1] <= times[2], f"times are not in order: {times}")


@test("a container that ends well has exit code 0 and the reason Completed")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["true"])
        equal(container.wait(), 0)
        equal(container.status()["reason"], "Completed")


@test("a container killed by a signal has exit code 128 plus its number")
def _(node):
    with node.run_pod() as pod:
        # An init of its namespace would ignore the signals it sends to itself.
        pod_ns = pod.start(["sh", "-c", "sh -c 'kill -9 $$'; exit $?"])
        equal(pod_ns.wait(), 137)


@test("command, arguments, environment and working directory are the given ones")
def _(node):
    with node.run_pod() as pod:
        text = pod.output(["sh", "-c"], args=['echo "$A-$B"; pwd'], working_dir="/var/www",
                          envs=[env("A", "1 2"), env("B", "x=y")])
        equal(text, "1 2-x=y\n/var/www\n")


@test("a working directory that does not exist is made")
def _(node):
    with node.run_pod() as pod:
        equal(pod.sh("pwd", working_dir="/made/for/this"), "/made/for/this\n")


@test("a program that does not exist is refused at start or creation, with its name")
def _(node):
    with node.run_pod() as pod:
        try:
            container = pod.create(["/no/such/program"])
            container.start()
        except RpcError as error:
            contains(error.message, "/no/such/program")
        else:
            raise AssertionError("started a program that is not there")


@test("user, group and supplemental groups are the given numbers")
def _(node):
    with node.run_pod() as pod:
        security = {"run_as_user": {"value": 1000}, "run_as_group": {"value": 2000}, "supplemental_groups": [3000, 4000]}
        text = pod.sh("id -u; id -g; id -G", linux={"security_context": security})
        uid, gid, groups = text.splitlines()
        equal((uid, gid), ("1000", "2000"))
        equal(set(groups.split()), {"2000", "3000", "4000"})


@test("a user name is looked up in the image")
def _(node):
    with node.run_pod() as pod:
        security = {"run_as_username": "www-data"}
        equal(pod.sh("id -u; id -g", linux={"security_context": security}), "33\n33\n")


def capabilities(pod, security):
    text = pod.sh("grep Cap /proc/self/status", linux={"security_context": security})
    return {name: int(value, 16) for name, value in re.findall(r"(Cap\w+):\s+([0-9a-f]+)", text)}


DEFAULT_CAPABILITIES = 0xA80425FB


@test("capabilities are the usual ones, with additions and removals")
def _(node):
    with node.run_pod() as pod:
        plain = capabilities(pod, {})
        equal(hex(plain["CapEff"]), hex(DEFAULT_CAPABILITIES & plain["CapBnd"] | plain["CapEff"] & DEFAULT_CAPABILITIES))
        equal(hex(plain["CapBnd"]), hex(plain["CapEff"]), "bounding set")
        equal(plain["CapAmb"], 0, "ambient set")
        changed = capabilities(pod, {"capabilities": {"add_capabilities": ["NET_ADMIN"], "drop_capabilities": ["CHOWN"]}})
        equal(hex(changed["CapEff"]), hex((plain["CapEff"] | 1 << 12) & ~1))
        none = capabilities(pod, {"capabilities": {"drop_capabilities": ["ALL"]}})
        equal(none["CapEff"] | none["CapBnd"] | none["CapPrm"], 0, "after drop ALL")
        few = capabilities(pod, {"capabilities": {"drop_capabilities": ["ALL"], "add_capabilities": ["KILL"]}})
        equal(few["CapEff"], 1 << 5, "after drop ALL, add KILL")


@test("a user other than root has no effective capabilities")
def _(node):
    with node.run_pod() as pod:
        found = capabilities(pod, {"run_as_user": {"value": 1000}})
        equal(found["CapEff"] | found["CapPrm"], 0)


@test("no_new_privs is set on demand only")
def _(node):
    with node.run_pod() as pod:
        show = "grep NoNewPrivs /proc/self/status"
        equal(pod.sh(show, linux={"security_context": {"no_new_privs": True}}).split()[-1], "1")
        equal(pod.sh(show).split()[-1], "0")


@test("masked paths are empty and read-only paths cannot be written")
def _(node):
    with node.run_pod() as pod:
        security = {"masked_paths": ["/proc/kcore", "/proc/fs", "/etc/passwd"], "readonly_paths": ["/proc/sys", "/tmp"]}
        text = pod.sh("wc -c </etc/passwd; ls /proc/fs | wc -l; touch /tmp/x 2>&1; echo 1 >/proc/sys/kernel/domainname; true",
                      linux={"security_context": security})
        lines = text.splitlines()
        equal(lines[:2], ["0", "0"])
        contains(lines[2], "Read-only file system")
        contains(lines[3], "Read-only file system")


@test("a read-only root refuses writes, a tmpfs in it does not")
def _(node):
    with node.run_pod() as pod:
        text = pod.sh("touch /x 2>&1; touch /dev/shm/y && echo fine", linux={"security_context": {"readonly_rootfs": True}})
        contains(text, "Read-only file system")
        contains(text, "fine")


@test("a container of a writable root does not change the image or other containers")
def _(node):
    with node.run_pod() as pod:
        pod.sh("rm -rf /etc; echo mine >/mine; rm /bin/ls")
        contains(pod.sh("ls /etc /; cat /etc/passwd"), "root:x:0:0")
        check("mine" not in pod.sh("ls /"), "a file of another container")


@test("a privileged container has every capability, devices, a writable sysfs and nothing masked")
def _(node):
    config = {"linux": {"security_context": {"privileged": True}}}
    with node.run_pod(**config) as pod:
        found = capabilities(pod, {"privileged": True})
        with open("/proc/self/status") as file:
            own = int(re.search(r"CapBnd:\s+(\w+)", file.read())[1], 16)
        equal(hex(found["CapEff"]), hex(own), "effective set")
        text = pod.sh("ls /dev | wc -l; grep ' /sys ' /proc/mounts; mount -t tmpfs x /tmp && echo mounted; ls /dev/kmsg", **config)
        check(int(text.splitlines()[0]) > 30, f"few devices: {text}")
        contains(text, "mounted")
        contains(text, "/dev/kmsg")
        check(" rw," in re.search(r".* /sys .*", text)[0], text)


@test("the usual devices are there, others are not")
def _(node):
    with node.run_pod() as pod:
        text = pod.sh("for d in null zero full random urandom tty; do test -c /dev/$d || echo no $d; done; "
                      "ls -l /dev/fd /dev/ptmx /dev/stdin | wc -l; test -e /dev/kmsg && echo kmsg; "
                      "mknod /tmp/mem c 1 1 && cat /tmp/mem 2>&1 | head -c 60; echo; echo x >/dev/null && echo null works")
        check("no " not in text.replace("not permitted", ""), text)
        check("kmsg" not in text, "a container sees /dev/kmsg")
        contains(text, "Operation not permitted")
        contains(text, "null works")


@test("the host name is the pod's, also in /etc/hostname")
def _(node):
    with node.run_pod(hostname="sentence") as pod:
        equal(pod.sh("hostname; cat /etc/hostname 2>/dev/null || true").splitlines()[0], "sentence")


@test("a pod without a host name is called by its own name, in uname and in /etc/hostname")
def _(node):
    with node.run_pod("No_Host.Name") as pod:
        equal(pod.sh("hostname; cat /etc/hostname; echo $HOSTNAME"), "no-host-name\n" * 3)


@test("resolv.conf is made from the pod's DNS configuration")
def _(node):
    dns = {"servers": ["10.0.0.10", "10.0.0.11"], "searches": ["a.example", "b.example"], "options": ["ndots:5"]}
    with node.run_pod(dns_config=dns) as pod:
        text = pod.sh("cat /etc/resolv.conf")
        equal(sorted(text.splitlines()), ["nameserver 10.0.0.10", "nameserver 10.0.0.11", "options ndots:5", "search a.example b.example"])


@test("sysctls of the pod's namespaces are set")
def _(node):
    with node.run_pod(linux={"sysctls": {"kernel.shm_rmid_forced": "1", "net.ipv4.ip_unprivileged_port_start": "80"}}) as pod:
        equal(pod.sh("cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start"), "1\n80\n")


@test("limits are written to the container's cgroups and updated there")
def _(node):
    resources = {"cpu_shares": 512, "cpu_quota": 50000, "cpu_period": 100000, "memory_limit_in_bytes": 64 << 20}
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"], linux={"resources": resources})
        equal(limits(container), (str(64 << 20), "50000", "512"))
        node.cri.UpdateContainerResources(container_id=container.id, linux={"memory_limit_in_bytes": 96 << 20, "cpu_shares": 256})
        memory, _, shares = limits(container)
        equal((memory, shares), (str(96 << 20), "256"))
        said = container.status()["resources"]["linux"]
        equal(said["memory_limit_in_bytes"], str(96 << 20), "the status after an update")


def limits(container):
    with open(f"/proc/{main_pid(container)}/cgroup") as file:
        groups = {name: line.strip().split(":")[2] for line in file for name in line.split(":")[1].split(",")}
    if "memory" not in groups:  # cgroup v2
        def read2(name):
            with open(f"/sys/fs/cgroup{groups['']}/{name}") as file:
                return file.read().split()[0]
        weight = int(read2("cpu.weight"))
        return read2("memory.max"), read2("cpu.max"), {20: "512", 10: "256", 59: "512", 35: "256"}.get(weight, str(weight))

    def read(controller, name):
        with open(f"/sys/fs/cgroup/{controller}{groups[controller]}/{name}") as file:
            return file.read().strip()
    return read("memory", "memory.limit_in_bytes"), read("cpu", "cpu.cfs_quota_us"), read("cpu", "cpu.shares")


def main_pid(container):
    """Found by its cgroup, so that no runtime's own report has to be believed."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cgroup") as file:
                if container.id in file.read():
                    return int(pid)
        except OSError:
            pass
    raise AssertionError("no process in the container's cgroup")


@test("a container over its memory limit ends with 137 and OOMKilled")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["tail", "/dev/zero"], linux={"resources": {"memory_limit_in_bytes": 32 << 20}})
        equal(container.wait(60), 137)
        equal(container.status()["reason"], "OOMKilled")


@test("resource limits of the process and its oom score are set")
def _(node):
    with node.run_pod() as pod:
        equal(pod.sh("cat /proc/self/oom_score_adj", linux={"resources": {"oom_score_adj": 500}}), "500\n")


def may_raise_limits():
    with open("/proc/self/status") as file:
        effective = next(line for line in file if line.startswith("CapEff:"))
    return int(effective.split()[1], 16) >> 24 & 1  # CAP_SYS_RESOURCE


@test("with CAP_SYS_RESOURCE an oom score falls below the daemon's and a hard limit rises over it")
def _(_node):
    if not may_raise_limits():
        raise Skip("root has no CAP_SYS_RESOURCE here: ./dev node has")
    hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] + 65536
    config = f'[runtime]\ndefault_ulimits = ["memlock={hard}:{hard}"]\n'
    with another_node("limits", config) as node, node.run_pod() as pod:
        text = pod.sh("cat /proc/self/oom_score_adj; grep 'locked memory' /proc/self/limits",
                      linux={"resources": {"oom_score_adj": -500}})
        equal(text.split()[0], "-500")
        equal(text.split()[-3:], [str(hard), str(hard), "bytes"])


@test("a terminal is one, and only where it is asked for")
def _(node):
    with node.run_pod() as pod:
        equal(pod.sh("tty; test -t 1 && echo terminal", tty=True).replace("\r", ""), "/dev/pts/0\nterminal\n")
        contains(pod.sh("tty || true"), "not a tty")


@test("a container removed while it runs is gone, with its cgroup and root")
def _(node):
    with node.run_pod() as pod:
        before = node.leftovers()
        container = pod.start(["sleep", "1000"])
        container.remove()
        container.remove()  # idempotent
        node.expect_nothing_left(before)
        equal(node.cri.ListContainers().get("containers", []), [])


@test("statistics of a running container have cpu, memory and its writable layer")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "dd if=/dev/zero of=/file bs=1M count=3 2>/dev/null; while :; do :; done"])
        wait_until(lambda: container.status()["state"] == RUNNING)

        def numbers():
            stats = node.cri.ContainerStats(container_id=container.id)["stats"]
            layer = int(stats.get("writable_layer", {}).get("used_bytes", {}).get("value", 0))
            cpu = int(stats["cpu"]["usage_core_nano_seconds"]["value"])
            return layer >= 3 << 20 and cpu > 10_000_000 and int(stats["memory"]["working_set_bytes"]["value"]) > 0
        wait_until(numbers, 20, "plausible statistics")
        listed = node.cri.ListContainerStats(filter={"id": container.id})["stats"]
        equal([entry["attributes"]["id"] for entry in listed], [container.id])


@test("creations are joined by a retry and refused for another configuration")
def _(node):
    pod = node.run_pod("twice")
    again = node.cri.RunPodSandbox(config=pod.config)["pod_sandbox_id"]
    equal(again, pod.id, "the retried pod")
    refused("ALREADY_EXISTS", [pod.id], node.cri.RunPodSandbox, config=merge(pod.config, {"hostname": "other"}))
    container = pod.create(["sleep", "1000"])
    request = {"pod_sandbox_id": pod.id, "config": container.config, "sandbox_config": pod.config}
    equal(node.cri.CreateContainer(**request)["container_id"], container.id, "the retried container")
    container.start()
    refused("ALREADY_EXISTS", [container.id], node.cri.CreateContainer, **request)


@test("unknown pods and containers are NOT_FOUND where that matters and success where they are removed")
def _(node):
    unknown = "0" * 64
    for method, field in (("ContainerStatus", "container_id"), ("StartContainer", "container_id"), ("ExecSync", "container_id"),
                          ("ContainerStats", "container_id"), ("PodSandboxStatus", "pod_sandbox_id")):
        more = {"cmd": ["true"]} if method == "ExecSync" else {}
        refused("NOT_FOUND", [unknown], node.cri.call, method, {field: unknown, **more})
    for method, field in (("StopContainer", "container_id"), ("RemoveContainer", "container_id"),
                          ("StopPodSandbox", "pod_sandbox_id"), ("RemovePodSandbox", "pod_sandbox_id")):
        node.cri.call(method, {field: unknown})


@test("a handler with init gives containers a PID 1 that reaps and hands signals on, to a group if that is asked for")
def _(_node):
    config = "[runtime.handlers.tini]\ninit = true\n[runtime.handlers.group]\ninit = true\ninit_group = true\n"
    own = {"security_context": {"namespace_options": {"pid": "CONTAINER"}}}
    waiting = "trap 'echo told; exit 7' TERM; echo ready; sleep 1000; echo woken"
    with another_node("init", config) as node:
        with node.run_pod(runtime_handler="tini") as pod:
            equal(pod.sh("tr '\\0' ' ' </proc/1/cmdline", linux=own).split()[:3], ["/dev/init", "init", "--"])
            container = pod.start(["sh", "-c", waiting], linux=own)
            wait_until(lambda: "ready" in container.output(), what="the program")
            equal(container.exec("sh", "-c", "(sleep 0.05 &); sleep 0.3; grep -l '^State:.Z' /proc/[0-9]*/status").out, "", "zombies")
            container.stop(1)
            check("told" not in container.output(), "the program was told while its child ran")
        with node.run_pod(runtime_handler="group") as pod:
            container = pod.start(["sh", "-c", waiting], linux=own)
            wait_until(lambda: "ready" in container.output(), what="the program")
            container.stop(30)
            contains(container.output(), "told")
