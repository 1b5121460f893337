# SPDX-License-Identifier: Apache-2.0
"""The same bundle under berth-oci, runc and crun: what the container sees must be the same, field by
field. Differences that are meant stand in docs/oci-differences.md, and here."""
import contextlib
import os
import shutil
import subprocess

from harness import Skip, check, equal, test, wait_until
from oci import OCI, Runtime

PEERS = ("runc", "crun")

# Everything that a program can find out about itself, one section per question.
PROBE = r"""
section() { echo "== $1"; }
section status; grep -E '^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups|Umask|Speculation_Store)' /proc/self/status
section mounts; cut -d' ' -f5- /proc/self/mountinfo
section limits; cat /proc/self/limits
section env; env | sort
section cwd; pwd
section umask; umask
section devices; ls -ln /dev | awk '{print $1, $3, $4, $5, $6, $NF}' | sort
section links; for l in fd stdin stdout stderr ptmx core; do echo "$l $(readlink /dev/$l)"; done
section hostname; hostname
section cgroup; cat /proc/self/cgroup
section namespaces; for n in cgroup ipc mnt net pid time user uts; do echo "$n $(readlink /proc/self/ns/$n)"; done
section oom; cat /proc/self/oom_score_adj
section root; ls -ldn /tmp/* /var/copied / /proc /dev /dev/shm /dev/pts /sys /tmp 2>/dev/null | awk '{print $1, $3, $4, $NF}'
section masked; for f in /proc/kcore /proc/keys /proc/timer_list /sys/firmware; do wc -c <$f 2>&1 | head -c 100; ls $f 2>/dev/null | wc -l; done
section writable; for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/class /x; do touch $f/y 2>/dev/null && echo "makes $f/y"; sh -c "echo >>$f" 2>/dev/null && echo "writes $f"; done
section fds; ls /proc/self/fd | wc -l
section session; awk '{print ($5 == $6), ($1 == $6)}' /proc/1/stat
section signals; grep -E '^Sig(Blk|Ign|Cgt)' /proc/1/status
section network; ip -o link 2>/dev/null | awk '{print $2, $3}'
section propagation; sed 's/ - .*//' /proc/self/mountinfo | awk '{$1=$2=$3=$4=$6=""; gsub(":[0-9]+", ""); print}'
section sysctls; for f in net/ipv4/ip_forward kernel/shmmax kernel/domainname fs/mqueue/msg_max; do echo "$f $(cat /proc/sys/$f)"; done
section machine; uname -m
section clocks; cat /proc/self/timens_offsets
section maps; cat /proc/self/uid_map /proc/self/gid_map
section verdicts; for d in /tmp/made /x /sys/x /proc/x /dev/x /dev/shm/x; do mkdir $d 2>&1; done
section copied; ls -ln /var/copied 2>/dev/null | awk '{print $1, $3, $4, $NF}'; cat /var/copied/file 2>/dev/null
section ids; ls -ln /root 2>/dev/null | awk '{print $1, $3, $4, $NF}'
section scheduling; awk '{print $18, $19, $40, $41}' /proc/1/stat; grep -E '^(Cpus|Mems)_allowed_list' /proc/1/status
"""


def peer(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def v1_view():
    """crun before 1.9 refuses hosts with both kinds of cgroups: it gets a view without the unified one."""
    names = [name for name in os.listdir("/sys/fs/cgroup") if name != "unified"]
    steps = ["mkdir -p /run/cgroup-v1", "mount -t tmpfs tmpfs /run/cgroup-v1"]
    steps += [f"mkdir /run/cgroup-v1/{name}; mount --bind /sys/fs/cgroup/{name} /run/cgroup-v1/{name}" for name in names]
    steps += ["umount -R /sys/fs/cgroup/unified || true", "mount --rbind /run/cgroup-v1 /sys/fs/cgroup"]
    return "; ".join(steps)


class Peer(Runtime):
    """Another runtime with the same command line."""

    def command(self, *arguments):
        line = super().command(*arguments)
        if os.path.basename(self.program) != "crun" or not os.path.exists("/sys/fs/cgroup/unified"):
            return line
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", v1_view() + '; exec "$@"', "sh", *line]


def sections(text):
    found, name = {}, None
    for line in text.splitlines():
        if line.startswith("== "):
            name = line[3:]
            found[name] = []
        else:
            found[name].append(line)
    return found


def normal(found, masked):
    """Without what differs between any two containers: numbers of namespaces, mounts and peers."""
    out = dict(found)
    out["namespaces"] = [line.split(":[")[0] + (" own" if line not in host_namespaces() else " host")
                         for line in found["namespaces"]]
    out["mounts"] = sorted(mount_line(line, masked) for line in found["mounts"])
    return out


def host_namespaces():
    return [f"{name} {os.readlink('/proc/self/ns/' + name)}" for name in
            ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")]


def masks(config):
    return set(config["linux"].get("maskedPaths", []))


def mount_line(line, masked):
    """Mount point, options, type, and of a tmpfs its size. What masks a path is only named: each runtime has
    its own way to show nothing; a device of the host is one, whatever else could not be done with it."""
    left, _, right = line.partition(" - ")
    point, options = left.split()[:2]
    kind, _, more = (right.split() + [""])[:3]
    if point in masked:
        return point + " masked"
    size = ",".join(option for option in more.split(",") if option.startswith("size=")) if kind == "tmpfs" else ""
    if kind == "devtmpfs" and point.startswith("/dev/"):
        options = ",".join(option for option in options.split(",") if option not in ("nosuid", "noexec"))
    return " ".join((point, ",".join(sorted(options.split(","))), kind, size)).strip()


def see(program, change, flags=(), prepare=None):
    made = (Runtime if program == OCI else Peer)(program)
    try:
        bundle = made.bundle("sh", "-c", PROBE, change=change)
        if prepare:
            prepare(bundle)
        done = subprocess.run(made.command("run", *flags, "--bundle", bundle.dir, bundle.id), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        check(done.returncode == 0, lambda: f"{program}: {done.stdout[-500:]}{done.stderr[-2000:]}")
        text = done.stdout.replace(bundle.id, "ID").replace(made.parent, "/PARENT")
        return normal(sections(text), masks(bundle.config))
    finally:
        made.clean()


# Meant differences: section -> what a line must have for it to be left out. See docs/oci-differences.md.
MEANT = {
    "runc": {"mounts": ("/sys/fs/cgroup ", "/sys/fs/cgroup/unified"), "devices.list": ("c 5:1 rwm", "c 10:200 rwm"),
             "devices": ("/proc/kcore", " mqueue"), "links": ("core ",), "propagation": ("/sys/fs/cgroup/unified",)},
    # Older ones give the container's /dev/null to the user whose stdin it is.
    "crun": {"mounts": ("/sys/fs/cgroup ", "/sys/fs/cgroup/unified"), "devices": ("/proc/kcore", "1, 3 null", " mqueue"),
             "links": ("core ",), "cgroup": ("0::",), "propagation": ("/sys/fs/cgroup/unified", "/tmp/rshared"), "env": ("HOME=/",), "root": ("/var/copied",)},
}


def differences(ours, theirs, meant):
    out = []
    for name in sorted(set(ours) | set(theirs)):
        words = meant.get(name, ())
        one = [line for line in ours.get(name, []) if not any(word in line for word in words)]
        other = [line for line in theirs.get(name, []) if not any(word in line for word in words)]
        out += [f"{name}: only ours: {line}" for line in one if line not in other]
        out += [f"{name}: only theirs: {line}" for line in other if line not in one]
    return out


def plain(config):
    del config


def as_user(config):
    config["process"].update(user={"uid": 1000, "gid": 100, "additionalGids": [4, 7], "umask": 0o27}, cwd="/tmp",
                             noNewPrivileges=False, oomScoreAdj=321)
    config["process"]["capabilities"] = {key: ["CAP_CHOWN", "CAP_NET_RAW"] for key in ("bounding", "effective", "permitted")}


def readonly(config):
    config["root"]["readonly"] = True
    config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 111},
                                    {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]


def few_namespaces(config):
    config["linux"]["namespaces"] = [{"type": "mount"}, {"type": "pid"}, {"type": "uts"}]
    config["mounts"] = [mount for mount in config["mounts"] if mount["type"] not in ("cgroup", "sysfs", "mqueue")]


def mounts(config):
    bind = config["mounts"].append
    bind({"destination": "/tmp/ro", "type": "bind", "source": "/usr/share", "options": ["rbind", "ro"]})
    bind({"destination": "/tmp/file", "type": "bind", "source": "/etc/passwd", "options": ["bind", "nosuid", "nodev", "noexec"]})
    bind({"destination": "/tmp/t", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m", "mode=700", "noexec"]})


def devices(config):
    config["linux"]["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 5, "gid": 6},
                                  {"path": "/dev/pipe", "type": "p", "fileMode": 0o600}]


def limited(config):
    config["linux"]["resources"].update(memory={"limit": 64 << 20}, pids={"limit": 55},
                                        cpu={"shares": 512, "quota": 50000, "period": 100000})


def filtered(config):
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                                  "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99}]}


def ambient(config):
    names = ["CAP_NET_BIND_SERVICE", "CAP_KILL"]
    config["process"].update(user={"uid": 1000, "gid": 1000})
    config["process"]["capabilities"] = {key: names for key in ("bounding", "effective", "permitted", "inheritable", "ambient")}


def sysctls(config):
    config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.shmmax": "123456", "fs.mqueue.msg_max": "77"}


def tree_attributes(config):
    config["mounts"].append({"destination": "/tmp/tree", "type": "bind", "source": "/dev",
                             "options": ["rbind", "rro", "rnosuid", "rnodev", "rnoexec"]})


def propagation(config):
    config["linux"]["rootfsPropagation"] = "rslave"
    for word in ("rshared", "rslave", "rprivate", "unbindable"):
        config["mounts"].append({"destination": "/tmp/" + word, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", word, "size=64k"]})


def copied_up(config):
    config["mounts"].append({"destination": "/var/copied", "type": "tmpfs", "source": "tmpfs",
                             "options": ["nosuid", "nodev", "tmpcopyup", "size=64k"]})


def with_files(bundle):
    os.makedirs(bundle.dir + "/rootfs/var/copied", mode=0o750)
    with open(bundle.dir + "/rootfs/var/copied/file", "w") as file:
        file.write("from the image\n")
    os.chown(bundle.dir + "/rootfs/var/copied/file", 5, 6)


def new_directory(config):
    config["process"]["cwd"] = "/made/for/it"


def user_namespace(config):
    config["linux"]["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        config["linux"][key] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    config["process"]["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}


def mapped_mount(config):
    maps = [{"containerID": 0, "hostID": 1000, "size": 100}]
    config["mounts"].append({"destination": "/root", "type": "bind", "source": "/var/lib", "options": ["bind", "ro"],
                             "uidMappings": maps, "gidMappings": maps})
    user_namespace(config)


def another_machine(config):
    config["linux"]["personality"] = {"domain": "LINUX32"}


def domain(config):
    config["domainname"] = "example"


def closed(config):
    """What is filled before nobody may write to it."""
    for mount in config["mounts"]:
        if mount["destination"] == "/dev":
            mount["options"].append("ro")
    config["mounts"].append({"destination": "/tmp/closed", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "size=64k"]})
    devices(config)


def cpus(config):
    config["linux"]["resources"]["cpu"] = {"cpus": "0", "mems": "0"}


CASES = {"the default configuration": plain, "another user": as_user, "a read-only root": readonly,
         "few namespaces": few_namespaces, "more mounts": mounts, "more devices": devices, "limits": limited,
         "a seccomp profile": filtered, "ambient capabilities": ambient, "sysctls": sysctls, "attributes of a tree": tree_attributes,
         "propagation": propagation, "a working directory that is not there": new_directory, "a user namespace": user_namespace,
         "cpus and memory nodes": cpus, "what is read-only when it is filled": closed}
# What runc learnt after the version that Debian 12 has.
CRUN_ALONE = {"an id-mapped mount": mapped_mount, "another machine": another_machine, "a domain name": domain}


def comparison(name, change, *flags, prepare=None):
    def run(_node):
        program = peer(name)
        ours, theirs = see(OCI, change, flags, prepare), see(program, change, flags, prepare)
        found = differences(ours, theirs, MEANT[name])
        check(not found, "\n".join(found))
    return run


for peer_name in PEERS:
    for case, edit in {**CASES, **(CRUN_ALONE if peer_name == "crun" else {})}.items():
        test(f"as {peer_name}: {case}")(comparison(peer_name, edit))
    test(f"as {peer_name}: a tmpfs with what it covers")(comparison(peer_name, copied_up, prepare=with_files))
    test(f"as {peer_name}: without a pivot")(comparison(peer_name, plain, "--no-pivot"))


LIMIT_FILES = ("memory.limit_in_bytes", "pids.max", "cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "devices.list",
               "memory.max", "cpu.max", "cpu.weight")


def limit_files(program):
    made = (Runtime if program == OCI else Peer)(program)
    try:
        text = 'for f in $(find /sys/fs/cgroup -name "' + '" -o -name "'.join(LIMIT_FILES) + '"); do echo "== ${f##*/}"; sort $f; done'

        def change(config):
            limited(config)
        bundle = made.bundle("sh", "-c", text, change=change)
        return sections(made.call("run", "--bundle", bundle.dir, bundle.id))
    finally:
        made.clean()


for peer_name in PEERS:
    def same_limits(_node, name=peer_name):
        ours, theirs = limit_files(OCI), limit_files(peer(name))
        check("pids.max" in ours, lambda: f"no limits at all: {ours}")
        found = differences(ours, theirs, MEANT[name])
        check(not found, "\n".join(found))
    test(f"as {peer_name}: the cgroup's files")(same_limits)


@contextlib.contextmanager
def holder():
    """A process with namespaces of its own, to be joined."""
    process = subprocess.Popen(["unshare", "-n", "-i", "-u", "-p", "--fork", "--kill-child", "sleep", "1000"])
    try:
        children = f"/proc/{process.pid}/task/{process.pid}/children"

        def child():
            with open(children) as file:
                return file.read().split()
        yield int(wait_until(child, what="the holder")[0])
    finally:
        process.kill()
        process.wait()


def inside_of(program, pid):
    def change(config):
        names = {"net": "network", "ipc": "ipc", "uts": "uts", "pid": "pid"}
        joined = [{"type": kind, "path": f"/proc/{pid}/ns/{name}"} for name, kind in names.items()]
        config["linux"]["namespaces"] = [{"type": "mount"}, {"type": "cgroup"}, *joined]
        config.pop("hostname", None)
    text = "for n in net ipc uts; do readlink /proc/self/ns/$n; done; tr '\\0' ' ' </proc/1/cmdline"
    with oci_runtime(program) as made:
        return made.bundle("sh", "-c", text, change=change).run()


NAMESPACES = "for n in mnt uts ipc net pid user; do readlink /proc/self/ns/$n; done"


def hook_views(program, own_users):
    """What hooks inside the container see of themselves and of it."""
    with oci_runtime(program) as made:
        bundle = made.bundle("sh", "-c", "cat /tmp/startContainer; echo ==; " + NAMESPACES, change=user_namespace if own_users else None)
        text = ("cat /proc/self/uid_map; id -u; id -g; grep -E 'Cap(Eff|Bnd)|NoNew' /proc/self/status; umask; "
                "grep -E 'pids|memory' /proc/self/cgroup | sed 's/.*://'; " + NAMESPACES)
        os.mkdir(bundle.dir + "/seen")
        for path in (bundle.dir + "/seen", bundle.dir + "/rootfs/tmp"):
            os.chmod(path, 0o1777)
        places = {"createContainer": ("/bin/busybox", bundle.dir + "/seen/hook"), "startContainer": ("/bin/sh", "/tmp/startContainer")}
        bundle.config["hooks"] = {point: [{"path": shell, "args": ["sh", "-c", f"{{ {text}; }} >{place} 2>&1"], "env": ["PATH=/bin"]}]
                                  for point, (shell, place) in places.items()}
        bundle.config["linux"]["namespaces"] = [one for one in bundle.config["linux"]["namespaces"] if one["type"] != "cgroup"]
        bundle.write()
        start, _, namespaces = bundle.run().partition("==\n")
        with open(bundle.dir + "/seen/hook") as file:
            views = {"createContainer": file.read(), "startContainer": start}
        # The numbers differ from run to run: what counts is that they are the program's.
        return {point: view.replace(namespaces, "the container's namespaces\n").replace(bundle.id, "ID").replace(made.parent, "/PARENT")
                for point, view in views.items()}


@contextlib.contextmanager
def oci_runtime(program):
    made = (Runtime if program == OCI else Peer)(program)
    try:
        yield made
    finally:
        made.clean()


for peer_name in PEERS:
    def same_joined(_node, name=peer_name):
        program = peer(name)
        with holder() as pid:
            equal(inside_of(OCI, pid), inside_of(program, pid), "what is inside of joined namespaces")
    test(f"as {peer_name}: joined namespaces")(same_joined)

    def same_hooks(_node, name=peer_name):
        program = peer(name)
        for own_users in (False, True):
            equal(hook_views(OCI, own_users), hook_views(program, own_users), f"what a hook sees, with a user namespace: {own_users}")
    test(f"as {peer_name}: hooks in the container")(same_hooks)
