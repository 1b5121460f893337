# SPDX-License-Identifier: Apache-2.0
"""Every controller of cgroup v2, by what the kernel then does: ./dev node --qemu has them all."""
import contextlib
import ctypes
import json
import os
import subprocess
import time

from harness import check, contains, equal, needs, refused, test, wait_until
from oci import runtime

CGROUPS = "/sys/fs/cgroup"
DISK = os.stat("/").st_dev  # of the node's root: a disk that can be throttled
HUGE = 2 << 20
# Emulated, a network takes seconds to make, and nothing here needs one.
HOST = {"security_context": {"namespace_options": {"network": "NODE"}}}


def resources(**more):
    """A change of a bundle: its limits. What they do not say keeps its default."""
    return lambda config: config["linux"]["resources"].update(more)


def unified(**more):
    return resources(unified={key.replace("__", "."): value for key, value in more.items()})


def group_of(bundle):
    return CGROUPS + bundle.config["linux"]["cgroupsPath"]


def read(group, name):
    with open(f"{group}/{name}") as file:
        return file.read().strip()


def keyed(group, name, key):
    return dict(line.split(" ", 1) for line in read(group, name).splitlines())[key]


def write(group, name, value):
    with open(f"{group}/{name}", "w") as file:
        file.write(value)


@contextlib.contextmanager
def started(change, script="sleep 1000", prepare=None, **process):
    """A bundle with these limits that runs `script`, and its cgroup."""
    with runtime() as oci:
        bundle = oci.bundle("sh", "-c", script, change=change, **process)
        if prepare:
            prepare(bundle)
        bundle.create()
        bundle.start()
        yield oci, bundle, group_of(bundle)


def update(oci, bundle, limits, status=0):
    done = subprocess.run(oci.command("update", "--resources", "-", bundle.id), input=json.dumps(limits), text=True,
                          capture_output=True)
    equal(done.returncode, status, f"the status of an update: {done.stderr!r}")
    return done.stderr


def refused_at_run(change, *words):
    with runtime() as oci:
        bundle = oci.bundle("true", change=change)
        oci.refused(words, "run", "--bundle", bundle.dir, bundle.id)


@test("cpuset: a container runs on its processors and memory nodes, and moves to others")
@needs("cpuset", "smp")
def _(_node):
    with started(resources(cpu={"cpus": "1", "mems": "0"})) as (oci, bundle, group):
        equal(bundle.exec("nproc"), "1\n")
        equal((read(group, "cpuset.cpus.effective"), read(group, "cpuset.mems.effective")), ("1", "0"))
        contains(bundle.exec("cat", "/proc/self/status"), "Cpus_allowed_list:\t1\n")
        update(oci, bundle, {"cpu": {"cpus": "0-1"}})
        equal(bundle.exec("nproc"), "2\n")
        contains(update(oci, bundle, {"cpu": {"cpus": "0,7"}}, status=1), "cpuset.cpus")
        equal(read(group, "cpuset.cpus"), "0-1", "processors after a refused update")
    refused_at_run(resources(cpu={"cpus": "7"}), "cpuset.cpus")
    refused_at_run(resources(cpu={"mems": "5"}), "cpuset.mems")


@test("cpuset: what the kubelet asks for is where a container runs")
@needs("cpuset", "smp")
def _(node):
    with node.run_pod(linux=HOST) as pod:
        container = pod.start(["sleep", "1000"], linux={"resources": {"cpuset_cpus": "1", "cpuset_mems": "0"}})
        equal(container.exec("nproc").out, "1\n")
        node.cri.UpdateContainerResources(container_id=container.id, linux={"cpuset_cpus": "0"})
        contains(container.exec("cat", "/proc/self/status").out, "Cpus_allowed_list:\t0\n")
        refused("INVALID_ARGUMENT", ["cpuset.cpus"], node.cri.UpdateContainerResources, container_id=container.id,
                linux={"cpuset_cpus": "9"})


@test("cpuset: a partition that the kernel takes and makes an invalid one is refused, with its reason")
@needs("cpuset", "smp")
def _(_node):
    refused_at_run(unified(cpuset__cpus="1", cpuset__cpus__partition="root"), "cpuset.cpus.partition", "invalid")


@test("cpuset: a container in an isolated partition has its processor to itself, and gives it back")
@needs("cpuset", "smp")
def _(_node):
    def alone(config):
        # A partition's parent is one itself: the root.
        config["linux"]["cgroupsPath"] = f"/berth-isolated-{os.getpid()}"
        unified(cpuset__cpus="1", cpuset__cpus__partition="isolated")(config)
    with started(alone) as (_, bundle, group):
        equal(read(group, "cpuset.cpus.partition"), "isolated")
        contains(bundle.exec("cat", "/proc/self/status"), "Cpus_allowed_list:\t1\n")
        equal(read(CGROUPS, "cpuset.cpus.effective"), "0", "what everybody else has")
    check(not os.path.exists(group), "the partition is still there")
    equal(read(CGROUPS, "cpuset.cpus.effective"), "0-1")


@test("pressure: containers that wait for a processor say so in their statistics")
@needs("psi", "smp")
def _(node):
    with node.run_pod(linux=HOST) as pod:
        busy = ["sh", "-c", "while :; do :; done & while :; do :; done"]
        container = pod.start(busy, linux={"resources": {"cpuset_cpus": "1", "cpu_quota": 30000, "cpu_period": 100000}})

        def waited():
            stats = node.cri.ContainerStats(container_id=container.id)["stats"]
            some = stats["cpu"]["psi"]["Some"]
            return int(some["Total"]) > 300_000_000 and float(some.get("Avg10", 0)) > 1 and stats
        stats = wait_until(waited, 30, "pressure on the processor")
        equal([sorted(stats[usage]["psi"]) for usage in ("memory", "io")], [["Full", "Some"]] * 2)
        listed, = node.cri.ListContainerStats(filter={"id": container.id})["stats"]
        check(int(listed["cpu"]["psi"]["Some"]["Total"]) >= int(stats["cpu"]["psi"]["Some"]["Total"]), f"{listed}")


@test("memory.high: a container over it is slowed down and lives on")
@needs("memory")
def _(_node):
    with started(unified(memory__high=str(8 << 20)), "dd if=/dev/zero of=/dev/shm/file bs=1M count=12; sleep 1000") as (_, _, group):
        wait_until(lambda: int(keyed(group, "memory.events", "high")) > 0, what="events of memory.high")
        equal((read(group, "memory.high"), keyed(group, "memory.events", "oom_kill")), (str(8 << 20), "0"))


@contextlib.contextmanager
def swap():
    """64 MiB of swap on the node's disk."""
    path = "/berth-swap"
    try:
        subprocess.run(["dd", "if=/dev/zero", "of=" + path, "bs=1M", "count=64", "status=none"], check=True)
        os.chmod(path, 0o600)
        subprocess.run(["mkswap", "-q", path], check=True)
        subprocess.run(["swapon", path], check=True)
        yield
    finally:
        subprocess.run(["swapoff", path], capture_output=True)
        os.remove(path)


@test("memory.swap: what is over the memory limit goes to swap up to the swap limit, and is killed without one")
@needs("cpuset", "memory")
def _(node):
    hog = ["sh", "-c", "dd if=/dev/zero of=/dev/shm/file bs=1M count=28 2>/dev/null || exit 9; sleep 1000"]
    with swap(), node.run_pod(linux=HOST) as pod:
        limits = {"memory_limit_in_bytes": 16 << 20, "memory_swap_limit_in_bytes": 48 << 20}
        container = pod.start(hog, linux={"resources": limits})

        def swapped():
            stats = node.cri.ContainerStats(container_id=container.id)["stats"]
            return int(stats.get("swap", {}).get("swap_usage_bytes", {}).get("value", 0)) > 8 << 20
        wait_until(swapped, 30, "swap in the statistics")
        container.stop()
        none = pod.start(hog, linux={"resources": {**limits, "memory_swap_limit_in_bytes": 16 << 20}})
        check(none.wait(60) in (9, 137), "28 MiB were taken of 16 without swap")


@test("io.max: a disk is as slow as it is told to be, until an update")
@needs("io", "cpuset")
def _(_node):
    disk = {"major": os.major(DISK), "minor": os.minor(DISK)}
    limit = resources(blockIO={"throttleWriteBpsDevice": [{**disk, "rate": 1 << 20}], "throttleReadIOPSDevice": [{**disk, "rate": 500}]})

    def space(bundle):  # the run's directories are in memory
        place = "/berth-io"
        os.makedirs(place, exist_ok=True)
        bundle.config["mounts"].append({"destination": "/disk", "type": "bind", "source": place, "options": ["bind"]})
        bundle.write()

    def seconds(bundle):
        began = time.monotonic()
        bundle.exec("dd", "if=/dev/zero", "of=/disk/file", "bs=1M", "count=3", "conv=fsync")
        return time.monotonic() - began
    with started(limit, prepare=space) as (oci, bundle, group):
        name = "{major}:{minor}".format(**disk)
        equal(read(group, "io.max"), f"{name} rbps=max wbps={1 << 20} riops=500 wiops=max")
        check(seconds(bundle) > 1.5, "3 MiB were written at more than 1 MiB/s")
        update(oci, bundle, {"blockIO": {"throttleWriteBpsDevice": [{**disk, "rate": 0}]}})
        equal(read(group, "io.max"), f"{name} rbps=max wbps=max riops=500 wiops=max")
        check(seconds(bundle) < 2.5, "the limit is still in force")
    os.remove("/berth-io/file")
    os.rmdir("/berth-io")


@test("io.weight: the container's share, and io.latency is refused by name where the kernel has none")
@needs("io", "cpuset")
def _(_node):
    with started(resources(blockIO={"weight": 500})) as (_, _, group):
        name, value = ("io.bfq.weight", "500") if os.path.exists(group + "/io.bfq.weight") else ("io.weight", "4950")
        equal(keyed(group, name, "default"), value)
    target = f"{os.major(DISK)}:{os.minor(DISK)} target=75000"
    if os.path.exists(CGROUPS + "/system.slice/io.latency"):
        with started(unified(io__latency=target)) as (_, _, group):
            equal(read(group, "io.latency"), target)
    else:
        refused_at_run(unified(io__latency=target), "io.latency", "No such file")


@test("hugetlb: huge pages end at the limit")
@needs("hugetlb", "cpuset")
def _(_node):
    pool = "/proc/sys/vm/nr_hugepages"
    limit = resources(hugepageLimits=[{"pageSize": "2MB", "limit": 2 * HUGE}])

    def pages(bundle):
        bundle.config["mounts"].append({"destination": "/huge", "type": "hugetlbfs", "source": "hugetlbfs", "options": ["pagesize=2M"]})
        bundle.write()
    try:
        write("/", pool, "8")
        with started(limit, prepare=pages) as (_, bundle, group):
            equal((read(group, "hugetlb.2MB.max"), read(group, "hugetlb.2MB.rsvd.max")), (str(2 * HUGE),) * 2)
            bundle.exec("fallocate", "-l", str(2 * HUGE), "/huge/fits")
            equal(read(group, "hugetlb.2MB.current"), str(2 * HUGE))
            bundle.exec("fallocate", "-l", str(HUGE), "/huge/more", status=None)
            equal((read(group, "hugetlb.2MB.current"), keyed(group, "hugetlb.2MB.events", "max")), (str(2 * HUGE), "1"))
    finally:
        write("/", pool, "0")
    refused_at_run(resources(hugepageLimits=[{"pageSize": "3MB", "limit": 0}]), "3MB")


@test("rdma and misc: a device or a resource that the machine has not is refused by name")
@needs("rdma", "misc")
def _(_node):
    refused_at_run(resources(rdma={"mlx5_0": {"hcaHandles": 2, "hcaObjects": 2000}}), "rdma.max", "mlx5_0")
    refused_at_run(unified(misc__max="sev 5"), "misc.max", "sev")
    with started(unified(pids__max="9")) as (_, _, group):
        check({"rdma", "misc"}.isdisjoint(read(group, "cgroup.controllers").split()), "controllers that nobody asked for")


def device_programs(group):
    """How many programs decide over the devices of a group: bpf(BPF_PROG_QUERY)."""
    class Query(ctypes.Structure):
        _fields_ = [("fd", ctypes.c_uint32), ("type", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("attach", ctypes.c_uint32),
                    ("ids", ctypes.c_uint64), ("count", ctypes.c_uint32), ("rest", ctypes.c_uint8 * 64)]
    number, query_command, devices = 321, 16, 6
    descriptor = os.open(group, os.O_RDONLY)
    try:
        query = Query(fd=descriptor, type=devices)
        check(ctypes.CDLL(None).syscall(number, query_command, ctypes.byref(query), ctypes.sizeof(query)) == 0, "no answer")
        return query.count
    finally:
        os.close(descriptor)


@test("devices: rules are replaced as one, and what both allow is never refused in between")
@needs("pids")
def _(_node):
    rules = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
             {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "rwm"}]
    # No driver has this number: whether it may be opened shows in the error.
    probe = {"type": "c", "major": 240, "minor": 99}
    more = [*rules, {"allow": True, **probe, "access": "r"}]

    def change(config):
        resources(devices=rules)(config)
        config["linux"]["devices"] = [{"path": "/dev/probe", **probe}]

    script = "while :; do head -c 1 /dev/zero >/dev/null || echo refused; done"

    with started(change, script) as (oci, bundle, group):
        equal(device_programs(group), 1)
        for number in range(12):
            update(oci, bundle, {"devices": rules if number % 2 else more})
            equal(device_programs(group), 1, "programs of the group")
            contains(bundle.exec("sh", "-c", "head -c 1 /dev/probe 2>&1; true"),
                     "Operation not permitted" if number % 2 else "No such device or address")
        equal(bundle.out(), "", "what the container was refused")


@test("freeze and kill: all processes of a container at once, frozen or not")
@needs("pids")
def _(_node):
    script = "for i in 1 2 3 4 5; do (sh -c 'while :; do sleep 1; done' &) ; done; sleep 1000"
    with started(resources(), script) as (oci, bundle, group):
        wait_until(lambda: len(read(group, "cgroup.procs").split()) > 5, what="processes")
        oci.call("pause", bundle.id)
        equal((oci.status(bundle.id), read(group, "cgroup.freeze"), keyed(group, "cgroup.events", "frozen")), ("paused", "1", "1"))
        oci.call("resume", bundle.id)
        equal(keyed(group, "cgroup.events", "frozen"), "0")
        oci.call("pause", bundle.id)
        oci.call("kill", "--all", bundle.id, "KILL")
        wait_until(lambda: keyed(group, "cgroup.events", "populated") == "0", what="end of a frozen container")


@test("delegation: a user namespace's root rules below its group, and not over its limits")
@needs("memory")
def _(_node):
    def delegated(config):
        mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        config["linux"].update(uidMappings=mapping, gidMappings=mapping)
        types = [namespace["type"] for namespace in config["linux"]["namespaces"]]
        config["linux"]["namespaces"] += [{"type": name} for name in ("user", "cgroup") if name not in types]
        config["linux"]["resources"]["memory"] = {"limit": 64 << 20}
        cgroup = [mount for mount in config["mounts"] if mount["type"] == "cgroup"]
        check(cgroup, "the usual configuration has no cgroup mount")
        cgroup[0]["options"] = [option for option in cgroup[0]["options"] if option not in ("ro", "relatime")]
    with started(delegated) as (_, bundle, group):
        script = ("cd /sys/fs/cgroup && mkdir inner workers && for p in $(cat cgroup.procs); do echo $p >inner/cgroup.procs; done; "
                  "echo +memory >cgroup.subtree_control && echo 16777216 >workers/memory.max && cat workers/memory.max")
        bundle.exec("sh", "-c", "echo max >/sys/fs/cgroup/memory.max 2>/dev/null", status=1)
        equal(bundle.exec("sh", "-c", script), "16777216\n")
        equal((read(group, "memory.max"), os.stat(group + "/cgroup.procs").st_uid, os.stat(group + "/memory.max").st_uid),
              (str(64 << 20), 100000, 0))


@test("limits of a pod's parent hold for what is in it, and its containers may not exceed them")
@needs("memory")
def _(node):
    with node.run_pod(linux={**HOST, "cgroup_parent": node.parent + "/pod1"}) as pod:
        container = pod.start(["sleep", "1000"])
        parent = f"{CGROUPS}{node.parent}/pod1"
        write(parent, "memory.max", str(24 << 20))
        hog = container.exec("sh", "-c", "dd if=/dev/zero of=/dev/shm/file bs=1M count=40 2>/dev/null; echo $?")
        check(hog.code != 0 or hog.out != "0\n", "40 MiB were taken of 24")
        check(int(keyed(parent, "memory.events", "oom_kill")) > 0, "nothing was killed")
