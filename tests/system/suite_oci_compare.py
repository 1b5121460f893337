# SPDX-License-Identifier: Apache-2.0
"""The same bundle under berth-oci, runc and crun: what the container sees must be the same, field by
field. Differences that are meant stand in docs/oci-differences.md, and here."""
import os
import shutil
import subprocess

from harness import Skip, check, test
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
section root; ls -ldn / /proc /dev /dev/shm /dev/pts /sys /tmp | awk '{print $1, $3, $4, $NF}'
section masked; for f in /proc/kcore /proc/keys /proc/timer_list /sys/firmware; do wc -c <$f 2>&1 | head -c 100; ls $f 2>/dev/null | wc -l; done
section writable; for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/class /x; do touch $f/y 2>/dev/null && echo "makes $f/y"; sh -c "echo >>$f" 2>/dev/null && echo "writes $f"; done
section fds; ls /proc/self/fd | wc -l
section session; awk '{print ($5 == $6), ($1 == $6)}' /proc/1/stat
section signals; grep -E '^Sig(Blk|Ign|Cgt)' /proc/1/status
section network; ip -o link 2>/dev/null | awk '{print $2, $3}'
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
    """Mount point, options, type, and of a tmpfs its size and mode. What masks a path is only named: each
    runtime has its own way to show nothing."""
    left, _, right = line.partition(" - ")
    point, options = left.split()[:2]
    kind, _, more = (right.split() + [""])[:3]
    if point in masked:
        return point + " masked"
    size = ",".join(sorted(option for option in more.split(",") if option.startswith(("size=", "mode=")))) if kind == "tmpfs" else ""
    return " ".join((point, ",".join(sorted(options.split(","))), kind, size)).strip()


def see(program, change, args=None):
    made = (Runtime if program == OCI else Peer)(program)
    try:
        bundle = made.bundle(*(args or ("sh", "-c", PROBE)), change=change)
        done = subprocess.run(made.command("run", "--bundle", bundle.dir, bundle.id), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        check(done.returncode == 0, lambda: f"{program}: {done.stdout[-500:]}{done.stderr[-2000:]}")
        text = done.stdout.replace(bundle.id, "ID").replace(made.parent, "/PARENT")
        return normal(sections(text), masks(bundle.config))
    finally:
        made.clean()


# Meant differences: section -> what a line must have for it to be left out. See docs/oci-differences.md.
MEANT = {
    "runc": {"mounts": ("/sys/fs/cgroup ", "/sys/fs/cgroup/unified"), "devices.list": ("c 5:1 rwm", "c 10:200 rwm")},
    # Older ones give the container's /dev/null to the user whose stdin it is.
    "crun": {"mounts": ("/sys/fs/cgroup ", "/sys/fs/cgroup/unified"), "devices": ("/proc/kcore", "1, 3 null"),
             "links": ("core ",), "cgroup": ("0::",)},
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


CASES = {"the default configuration": plain, "another user": as_user, "a read-only root": readonly,
         "few namespaces": few_namespaces, "more mounts": mounts, "more devices": devices, "limits": limited,
         "a seccomp profile": filtered}


def comparison(name, change):
    def run(_node):
        program = peer(name)
        ours, theirs = see(OCI, change), see(program, change)
        found = differences(ours, theirs, MEANT[name])
        check(not found, "\n".join(found))
    return run


for peer_name in PEERS:
    for case, edit in CASES.items():
        test(f"as {peer_name}: {case}")(comparison(peer_name, edit))


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
