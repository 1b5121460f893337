# SPDX-License-Identifier: Apache-2.0
"""Attacks by way of paths: links in images, and volumes that change while they are mounted.
docs/security-tests.md names for each test the line of source that it watches. What an attack is after lies
in the node's own directory, so that one that succeeds does no harm."""
import os
import stat
import subprocess

import oci
from attacks import SHELL, attempt, bait, crafted, link, mount, pid_of, plain_pod, security, swapping, untouched
from cri import RpcError
from harness import check, contains, equal, test, wait_until, write

UP = "../" * 12
STARTS = int(os.environ.get("BERTH_RACE_STARTS", "2000"))
TOGETHER = 8


def both_ways(place):
    """As an absolute link, and as one that climbs."""
    return place, UP + place[1:]


class Race:
    """Many creations at once, of containers that mount into a volume that is being changed."""

    def __init__(self, node, pod, marker, mounts):
        self.node, self.pod, self.marker, self.mounts = node, pod, marker, mounts
        self.inside, self.refused = 0, 0

    def run(self, count):
        waiting = []
        for _ in range(count):
            config = self.pod.container_config(["true"], mounts=self.mounts)
            request = {"pod_sandbox_id": self.pod.id, "config": config, "sandbox_config": self.pod.config}
            waiting.append(self.node.cri.start("CreateContainer", request, 60))
            if len(waiting) == TOGETHER:
                self.take(waiting.pop(0))
        for future in waiting:
            self.take(future)

    def take(self, future):
        try:
            made = future.result(60)["container_id"]
        except RpcError:
            self.refused += 1
            return
        # The process waits at its gate: all that is mounted is to be seen in it.
        with open(f"/proc/{self.process_of(made)}/mountinfo") as file:
            points = [line.split()[4] for line in file]
        equal(sum(self.marker in point for point in points), len(self.mounts) - 1, "mounts inside of the container's root")
        self.inside += 1
        self.node.cri.RemoveContainer(container_id=made)

    def process_of(self, made):
        import json
        answer = self.node.cri.ContainerStatus(container_id=made, verbose=True)
        return json.loads(answer["info"]["info"])["pid"]


@test("CVE-2021-30465: renames on a shared volume during 2000 starts never move a mount to the host")
def _(node):
    volume, outside = node.dir + "/raced", bait(node, "outside")
    marker = f"berth-raced-{os.getpid()}"
    write(volume + "/other/inside", "")
    for name, target in zip("ab", both_ways(outside)):
        os.makedirs(f"{volume}/{name}/sub", exist_ok=True)
        if not os.path.lexists(f"{volume}/{name}-link"):
            os.symlink(target, f"{volume}/{name}-link")
    raced = [mount("/v", volume), mount(f"/v/a/{marker}", volume + "/other"), mount(f"/v/b/sub/{marker}", volume + "/other/inside")]
    pairs = [(f"{volume}/{name}", f"{volume}/{name}-link") for name in "ab"]
    with untouched(outside, "/"), plain_pod(node) as pod:
        race = Race(node, pod, marker, raced)
        with swapping(*pairs):
            race.run(STARTS)
        check(race.inside >= STARTS // 10, f"too few starts to race with: {race.inside}, {race.refused} refused")
        with open("/proc/self/mountinfo") as file:
            check(marker not in file.read(), "a mount of the host")


@test("CVE-2024-45310: mount points that are missing are made inside of the root, behind every link")
def _(node):
    outside = bait(node, "outside")
    places = both_ways(outside)
    image = crafted(node, "climbers", lambda directory: [os.symlink(place, f"{directory}/way{i}") for i, place in enumerate(places)])
    write(node.dir + "/volume/file", "content")
    with untouched(outside), plain_pod(node) as pod:
        for i in range(len(places)):
            mounts = [mount(f"/way{i}/new/directory", node.dir + "/volume"), mount(f"/way{i}/file", node.dir + "/volume/file")]
            text = pod.output([SHELL, "-c", f"cat /way{i}/new/directory/file {outside}/file"], image_name=image, mounts=mounts)
            equal(text, "contentcontent")


@test("CVE-2019-19921: /proc and /sys that are symbolic links in the image do not move the mounts")
def _(node):
    for name in ("proc", "sys"):
        image = crafted(node, name + "-link", lambda directory: (os.makedirs(directory + "/elsewhere"),
                                                                 os.symlink("/elsewhere", f"{directory}/{name}")))
        with plain_pod(node) as pod:
            refusal = attempt(pod.output, [SHELL, "-c", "grep -c . /elsewhere/version /elsewhere/kernel/notes"], image_name=image)
            check(refusal is not None, f"/{name} was mounted through a link")
            contains(refusal, "/" + name)


@test("CVE-2023-28642: no volume lies over /proc or in it, by that name or through a link")
def _(node):
    image = crafted(node, "proc-alias", lambda directory: (os.symlink("/proc", directory + "/p"),
                                                           os.symlink("proc/self/attr", directory + "/a")))
    volume = node.dir + "/volume"
    write(volume + "/version", "false")
    with plain_pod(node) as pod:
        for place in ("/proc", "/proc/self/attr", "/proc/sys", "/p", "/p/self/attr", "/p/sys/kernel", "/p/tty", "/a"):
            refusal = attempt(pod.output, ["true"], image_name=image, mounts=[mount(place, volume)])
            check(refusal is not None, f"a volume on {place}")
            contains(refusal, place)
        refusal = attempt(pod.output, ["true"], image_name=image, mounts=[mount("/p/version", volume + "/version")])
        check(refusal is not None, "a file over /proc/version")
        # What shows a container its own limits there goes on.
        text = pod.output([SHELL, "-c", "cat /proc/uptime"], mounts=[mount("/proc/uptime", volume + "/version")])
        equal(text, "false")


@test("CVE-2025-31133: a /dev/null that is a symbolic link is not what masks paths")
def _(node):
    target = "/proc/sys/kernel/core_pattern"
    image = crafted(node, "null-link", lambda directory: (os.makedirs(directory + "/dev"), link(target, "/dev/null")(directory)))
    volume = node.dir + "/fake-dev"
    os.makedirs(volume, exist_ok=True)
    if not os.path.lexists(volume + "/null"):
        os.symlink(target, volume + "/null")
    masked = {"security_context": {"masked_paths": ["/proc/timer_list", "/etc/passwd"]}}
    script = "stat -c '%F %t:%T' /etc/passwd; echo attacked >/etc/passwd; true"
    with untouched(target):
        with plain_pod(node) as pod:
            contains(pod.sh(script, image_name=image, linux=masked), "character special file 1:3")
            # The same by a volume over /dev; where that cannot be, it is refused.
            refusal = attempt(lambda: contains(pod.sh(script, mounts=[mount("/dev", volume)], linux=masked), "character special file 1:3"))
            check(refusal is None or "/dev" in refusal, refusal)


@test("CVE-2025-52565: a terminal is never taken from a /dev/pts that somebody prepared")
def _(node):
    target, volume = bait(node, "host") + "/kept", node.dir + "/fake-pts"
    os.makedirs(volume, exist_ok=True)
    for name in ("0", "1", "ptmx"):
        if not os.path.lexists(f"{volume}/{name}"):
            os.symlink(target, f"{volume}/{name}")
    show = "echo attacked >/dev/console; stat -c '%F %t:%T' /dev/console"
    with untouched(os.path.dirname(target), target), plain_pod(node) as pod:
        equal(pod.sh(show, tty=True).replace("\r", ""), "attacked\ncharacter special file 88:0\n")
        for made in ("link", "node", "file"):
            os.unlink(volume + "/ptmx")
            if made == "link":
                os.symlink(target, volume + "/ptmx")
            elif made == "node":
                os.mknod(volume + "/ptmx", stat.S_IFCHR | 0o666, os.makedev(5, 2))
            else:
                write(volume + "/ptmx", "")
            refusal = attempt(pod.sh, show, tty=True, mounts=[mount("/dev/pts", volume)])
            check(refusal is not None and "terminal" in refusal, f"{made}: {refusal}")


@test("CVE-2026-41579: a /dev that is a symbolic link out of the image makes no device on the host")
def _(node):
    outside = bait(node, "outside")
    for number, target in enumerate((*both_ways(outside), "/proc/1/root" + outside)):
        image = crafted(node, f"dev-link{number}", link(target, "/dev"))
        with untouched(outside), plain_pod(node) as pod:
            if number == 2:  # one of procfs leads nowhere
                contains(attempt(pod.output, ["true"], image_name=image) or "", "/dev: Too many levels")
            else:  # inside of the image a link leads to a directory like any other
                equal(pod.output([SHELL, "-c", f"cd {outside}; ls -d null ptmx pts/ptmx"], image_name=image), "null\nptmx\npts/ptmx\n")


@test("CVE-2026-41579: nor does berth-oci where nothing is mounted on /dev")
def _(node):
    outside = bait(node, "outside")
    for target in both_ways(outside):
        with untouched(outside), oci.runtime() as runtime:
            bundle = runtime.bundle(SHELL, "-c", f"cd {outside}; ls -d null zero", change=lambda config: config.update(
                mounts=[entry for entry in config["mounts"] if not entry["destination"].startswith("/dev")]))
            os.rmdir(bundle.dir + "/rootfs/dev")
            os.symlink(target, bundle.dir + "/rootfs/dev")
            equal(bundle.run(), "null\nzero\n")


@test("CVE-2024-5154: an /etc that is a symbolic link out of the image gets no file on the host")
def _(node):
    outside = bait(node, "outside")
    for number, target in enumerate(both_ways(outside)):
        image = crafted(node, f"etc-link{number}", link(target, "/etc"))
        with untouched(outside), plain_pod(node) as pod:
            equal(pod.output([SHELL, "-c", f"ls {outside}"], image_name=image), "hostname\nhosts\nresolv.conf\n")


@test("CVE-2019-18837: the users of an image are read inside of it, whatever /etc/passwd is")
def _(node):
    users = bait(node, "host") + "/passwd"
    write(users, "stranger:x:4321:4321::/:/bin/sh\n")
    named = security(run_as_username="stranger")
    for number, target in enumerate(both_ways(users)):
        image = crafted(node, f"passwd-link{number}", lambda directory: (os.makedirs(directory + "/etc"),
                                                                         os.symlink(target, directory + "/etc/passwd")))
        with plain_pod(node) as pod:
            contains(attempt(pod.create, ["id"], image_name=image, **named) or "", '"stranger" is not in the image')
    image = crafted(node, "passwd-fifo", lambda directory: (os.makedirs(directory + "/etc"), os.mkfifo(directory + "/etc/passwd")))
    with plain_pod(node) as pod:
        contains(attempt(pod.create, ["id"], image_name=image, **named) or "", "not a regular file")


@test("CVE-2019-18837: berth-oci reads a root's passwd inside of it, too, and never waits for it")
def _(_node):
    with oci.runtime() as runtime:
        bundle = runtime.bundle(SHELL, "-c", "echo $HOME")
        passwd = bundle.dir + "/rootfs/etc/passwd"
        write(bundle.dir + "/outside", "root:x:0:0::/stolen:/bin/sh\n")
        os.unlink(passwd)
        os.symlink(bundle.dir + "/outside", passwd)
        equal(bundle.run(), "/\n")
        os.unlink(passwd)
        os.mkfifo(passwd)
        bundle.delete()
        equal(bundle.run(timeout=10), "/\n")
        os.unlink(passwd)
        with open(passwd, "wb") as file:
            file.truncate(10 << 30)
        bundle.delete()
        equal(bundle.run(timeout=10), "/\n")


@test("CVE-2024-1753: nothing is mounted on the root itself, however it is spelled")
def _(node):
    outside = bait(node, "outside")
    image = crafted(node, "root-alias", lambda directory: os.symlink("/", directory + "/self"))
    with untouched(outside), plain_pod(node) as pod:
        for place in ("/", "//", "/./", "/.", "/self", "/self/."):
            refusal = attempt(pod.output, [SHELL, "-c", "ls /"], image_name=image, mounts=[mount(place, outside)])
            check(refusal is not None, f"mounted on {place}")


@test("CVE-2022-23648: a VOLUME that climbs brings no file of the host into a container")
def _(node):
    secret = bait(node, "host")
    for number, volume in enumerate((f"/{UP}{secret[1:]}", secret, "/link/sub")):
        image = crafted(node, f"volume{number}", link(secret, "/link"), "--volume", volume)
        with untouched(secret), plain_pod(node) as pod:
            text = pod.output([SHELL, "-c", f"cat {volume}/kept {secret}/kept /link/kept 2>/dev/null; echo end"], image_name=image)
            equal(text, "end\n")


@test("CVE-2021-25741: what a volume was when the container was made, it is when it starts")
def _(node):
    secret, volume = bait(node, "host"), node.dir + "/subpath"
    write(volume + "/mine/file", "mine")
    with plain_pod(node) as pod:
        container = pod.create(["cat", "/m/file", "/m/kept"], mounts=[mount("/m", volume + "/mine")])
        os.rename(volume + "/mine", volume + "/moved")
        os.symlink(secret, volume + "/mine")
        container.start()
        container.wait()
        equal(container.output("stdout"), "mine")


@test("CVE-2021-25741: swapping a volume's parent during the creation shows one or the other, never its neighbour")
def _(node):
    volume = node.dir + "/swapped"
    for name in ("one", "two"):
        write(f"{volume}/{name}/data/file", name)
        write(f"{volume}/{name}/secret", "secret")
    seen = set()
    with plain_pod(node) as pod, swapping((volume + "/one", volume + "/two")):
        for _ in range(40):
            seen.add(pod.output([SHELL, "-c", "ls /m; cat /m/file"], mounts=[mount("/m", volume + "/one/data")]))
    check(seen <= {"file\none", "file\ntwo"}, seen)


@test("CVE-2025-0750: a log is written below its directory and through no link")
def _(node):
    outside = bait(node, "outside")
    with untouched(outside, outside + "/kept"), plain_pod(node) as pod:
        directory = pod.config["log_directory"]
        os.makedirs(directory, exist_ok=True)
        for name, target in (("file", outside + "/kept"), ("new", outside + "/made"), ("way", outside)):
            os.symlink(target, f"{directory}/{name}")
        for path in ("file", "new", "way/made", "../../outside/made"):
            refusal = attempt(lambda: pod.sh("echo attacked", log_path=path))
            check(refusal is not None, f"a log at {path}")
        check(os.path.isdir(directory), "the directory is there")
        subprocess.run(["rm", "-r", directory], check=True)


@test("CVE-2021-41103: nobody but root reaches what containers have written")
def _(node):
    with plain_pod(node) as pod:
        container = pod.start([SHELL, "-c", "cp /bin/busybox /mine; chmod 4755 /mine; echo there; sleep 1000"])
        wait_until(lambda: "there" in container.output(), what="the container's file")
        places = [path for path, directories, files in os.walk(node.root) if "mine" in files]
        check(places, "the container's file was not found below the root")
        for place in places:
            parts = place[len(node.root):].split("/")
            closed = [path for path in ("/".join([node.root] + parts[1:end]) for end in range(1, len(parts) + 1))
                      if os.stat(path).st_mode & 0o011 == 0]
            check(closed, f"{place}/mine can be reached by anybody")
        denied = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "stat",
                                 places[0] + "/mine"], capture_output=True, text=True)
        contains(denied.stderr, "Permission denied")


@test("CVE-2024-25621: the directories of state, of pods and of logs are closed to everybody else")
def _(node):
    with plain_pod(node) as pod:
        pod.start(["sleep", "1000"])
        for path in (*(f"{place}/{name}" for place in (node.root, node.state) for name in os.listdir(place)),
                     pod.config["log_directory"]):
            if os.path.isdir(path):
                equal(oct(os.stat(path).st_mode & 0o7077), "0o0", f"what others may do in {path}")
