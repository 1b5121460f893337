# SPDX-License-Identifier: Apache-2.0
"""checkpoint and restore by berth-oci, with the CRIU that ./dev setup has fetched."""
import contextlib
import glob
import os
import select
import socket
import subprocess
import sys

from harness import SOURCE, Skip, check, contains, equal, test, wait_until
import oci

# Memory, an open file, a pipe to a child, and the clock: all of it must be there afterwards.
COUNTER = r"""
exec 3>/tmp/open
mkfifo /tmp/fifo
(while read line; do echo "heard $line" >/tmp/heard; done) </tmp/fifo &
exec 4>/tmp/fifo
trap 'exit 7' TERM
n=0
while :; do n=$((n+1)); echo $n >/tmp/count; echo "line $n" >&3; echo $n >&4; sleep 0.02; done
"""


def criu():
    """An environment in which there is one that works here."""
    found = subprocess.run([sys.executable, SOURCE + "/tests/node/criu.py", "--have"], capture_output=True, text=True)
    directory = found.stdout.strip()
    if not os.path.exists(directory + "/criu"):
        raise Skip("CRIU of a newer Debian is not there: run ./dev setup")
    environment = {**os.environ, "PATH": directory + ":" + os.environ["PATH"]}
    checked = subprocess.run(["criu", "check"], capture_output=True, text=True, env=environment)
    if checked.returncode:
        raise Skip("criu check: " + checked.stderr.strip().splitlines()[-1])
    return environment


def read(bundle, name):
    with open(f"{bundle.dir}/rootfs/tmp/{name}") as file:
        return file.read()


def count(bundle):
    return int((read(bundle, "count") or "0").split()[0])


def goes_on(bundle):
    before = count(bundle)
    wait_until(lambda: count(bundle) > before + 3, what="a count beyond " + str(before))


def started(runtime, script=COUNTER, **more):
    bundle = runtime.bundle("sh", "-c", script, **more)
    bundle.create()
    bundle.start()
    wait_until(lambda: os.path.exists(bundle.dir + "/rootfs/tmp/count") and count(bundle) > 3, what="a count")
    return bundle


def restore(bundle, environment, *flags):
    """Detached; its streams are files, as with create."""
    with open(bundle.dir + "/out", "a") as out, open(bundle.dir + "/err", "a") as err:
        done = subprocess.run(bundle.runtime.command("restore", "--detach", "--bundle", bundle.dir, "--image-path", bundle.dir + "/images",
                                                     *flags, bundle.id),
                              stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, timeout=60)
    check(done.returncode == 0, lambda: f"restore ended with {done.returncode}: {bundle.err()}")


def checkpoint(bundle, environment, *flags, **more):
    return bundle.runtime.call("checkpoint", "--image-path", bundle.dir + "/images", *flags, bundle.id, env=environment, **more)


def namespaces_of(runtime, bundle):
    pid = runtime.state(bundle.id)["pid"]
    with open(f"/proc/{pid}/cgroup") as groups, open(f"/proc/{pid}/status") as status:
        return groups.read(), [line for line in status if line.startswith(("Cap", "NoNewPrivs", "Seccomp:", "Uid"))]


@test("a container goes on counting where its checkpoint was, with its memory, files, pipe, rights and cgroups")
def _(_node):
    environment = criu()
    with oci.runtime() as runtime:
        bundle = started(runtime)
        before = namespaces_of(runtime, bundle)
        checkpoint(bundle, environment)
        reached = count(bundle)
        equal(os.listdir(runtime.root), [], "what a checkpoint leaves of the container")
        restore(bundle, environment, "--pid-file", bundle.dir + "/pid")
        equal(runtime.status(bundle.id), "running")
        with open(bundle.dir + "/pid") as file:
            equal(int(file.read()), runtime.state(bundle.id)["pid"], "the PID file")
        goes_on(bundle)
        check(count(bundle) > reached, "it began anew")
        wait_until(lambda: int(read(bundle, "heard").split()[1] or 0) > reached, what="a word through the pipe")
        contains(read(bundle, "open"), f"line {reached + 1}\n", "the file that was open")
        equal(namespaces_of(runtime, bundle), before, "cgroups and rights")
        equal(bundle.exec("cat", "/proc/1/comm"), "sh\n", "its process, for an exec")
        runtime.call("kill", bundle.id, "KILL")
        runtime.wait_stopped(bundle.id)
        runtime.call("delete", bundle.id)


@test("restore without --detach ends as the program does, and removes the container")
def _(_node):
    environment = criu()
    with oci.runtime() as runtime:
        bundle = started(runtime)
        checkpoint(bundle, environment)
        with open(bundle.dir + "/out", "a") as out:
            waiting = subprocess.Popen(runtime.command("restore", "--bundle", bundle.dir, "--image-path", bundle.dir + "/images", bundle.id),
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
        try:
            wait_until(lambda: waiting.poll() is not None or bundle.id in os.listdir(runtime.root), what="the restored container")
            wait_until(lambda: waiting.poll() is not None or runtime.raw("kill", bundle.id, "0").returncode == 0, what="its process")
            check(waiting.poll() is None, bundle.out)
            goes_on(bundle)
            runtime.call("pause", bundle.id, timeout=10)
            runtime.call("resume", bundle.id, timeout=10)
            runtime.call("kill", bundle.id, "TERM")
            equal(waiting.wait(20), 7, "the exit status")
        finally:
            waiting.kill()
            waiting.wait()
        equal(os.listdir(runtime.root), [], "containers")


@test("a checkpoint with --leave-running leaves the container as it is, paused ones included")
def _(_node):
    environment = criu()
    with oci.runtime() as runtime:
        bundle = started(runtime)
        pid = runtime.state(bundle.id)["pid"]
        checkpoint(bundle, environment, "--leave-running")
        equal(runtime.state(bundle.id)["pid"], pid)
        goes_on(bundle)
        check(os.path.exists(bundle.dir + "/images/inventory.img"), "there are no images")
        bundle.delete()


@test("what is bound from outside and what streams lead to is the restoring bundle's")
def _(_node):
    environment = criu()
    with oci.runtime() as runtime:
        outside = runtime.dir + "/outside"
        os.makedirs(outside)

        def bind(config):
            config["mounts"].append({"destination": "/data", "type": "bind", "source": outside, "options": ["rbind", "rw"]})
        bundle = started(runtime, 'n=0; while :; do n=$((n+1)); echo $n >/tmp/count; echo $n >/data/n; echo "said $n"; sleep 0.02; done',
                         change=bind)
        checkpoint(bundle, environment)
        reached = count(bundle)
        os.rename(outside, outside + ".moved")
        bundle.config["mounts"][-1]["source"] = outside + ".moved"
        bundle.write()
        restore(bundle, environment)
        goes_on(bundle)
        with open(outside + ".moved/n") as file:
            check(int(file.read()) > reached, "the bound directory is not the new one")
        contains(bundle.out(), f"said {reached + 2}\n", "its stdout")
        bundle.delete()


@test("checkpoint and restore say what is wrong, and nothing is left of a restore that fails")
def _(_node):
    environment = criu()
    with oci.runtime() as runtime:
        bundle = runtime.bundle("sleep", "1000")
        images = ("--image-path", bundle.dir + "/images")
        bundle.create()
        runtime.refused(["cannot checkpoint", "created"], "checkpoint", *images, bundle.id, env=environment)
        bundle.start()
        runtime.refused(["CRIU", "not installed"], "checkpoint", *images, bundle.id, env={"PATH": "/nowhere"})
        for flag in ("--lazy-pages", "--page-server=127.0.0.1:1", "--lsm-profile=x", "--empty-ns=user"):
            runtime.refused([flag.split("=")[0], "user" if "user" in flag else "not supported"], "checkpoint", flag, bundle.id,
                            env=environment, cwd=bundle.dir)
        runtime.refused(["--manage-cgroups-mode", "lazy"], "checkpoint", "--manage-cgroups-mode", "lazy", bundle.id, env=environment)
        runtime.refused(["--parent-path"], "checkpoint", "--parent-path", "/x", bundle.id, env=environment)
        equal(runtime.status(bundle.id), "running")
        bundle.delete()
        os.makedirs(bundle.dir + "/empty")
        said = runtime.refused(["restore.log"], "restore", "--detach", "--bundle", bundle.dir, "--image-path", bundle.dir + "/empty", bundle.id,
                               env=environment)
        check("criu check" not in said, "CRIU is said to be at fault: " + said)
        equal(os.listdir(runtime.root), [], "containers")
        runtime.refused(["nowhere"], "restore", "--bundle", bundle.dir, "--image-path", bundle.dir + "/nowhere", bundle.id, env=environment)


def receive_line(master, word):
    """What a terminal shows, until there is `word` in it."""
    text = b""
    while word not in text:
        check(select.select([master], [], [], 20)[0], lambda: f"no {word!r} on the terminal: {text!r}")
        text += os.read(master, 4096)
    return text.decode()


@contextlib.contextmanager
def console(bundle):
    """A socket for a terminal: its path, and a function that waits for the master."""
    path, fds = bundle.dir + "/console", []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(20)

        def master():
            with listener.accept()[0] as connection:
                fds.extend(socket.recv_fds(connection, 256, 1)[1])
            return fds[-1]
        try:
            yield path, master
        finally:
            for fd in fds:
                os.close(fd)
            os.remove(path)


@test("a container with a terminal gets a new one, of the same size, and goes on writing and reading there")
def _(_node):
    environment = criu()
    script = 'echo begun; stty size; n=0; while :; do read line; n=$((n+1)); echo "$n $line"; stty size; done'
    with oci.runtime() as runtime:
        bundle = runtime.bundle("sh", "-c", script, terminal=True, consoleSize={"height": 33, "width": 99})
        with console(bundle) as (path, master):
            bundle.create("--console-socket", path)
            terminal = master()
            bundle.start()
            receive_line(terminal, b"33 99")
            os.write(terminal, b"first\n")
            receive_line(terminal, b"1 first\r\n33 99\r\n")
            checkpoint(bundle, environment)
        with console(bundle) as (path, master):
            restore(bundle, environment, "--console-socket", path)
            terminal = master()
            os.write(terminal, b"second\n")
            receive_line(terminal, b"2 second\r\n33 99\r\n")
            equal(bundle.exec("sh", "-c", "readlink /proc/1/fd/0"), "/dev/pts/0\n")
        bundle.delete()


@test("a checkpoint after a --pre-dump holds what has changed since, and both together restore")
def _(_node):
    environment = criu()
    tracks = subprocess.run(["criu", "check", "--feature", "mem_dirty_track"], capture_output=True, env=environment).returncode == 0
    with oci.runtime() as runtime:
        # 12 MB that nobody touches after the first dump, until they are asked for. What looks at their length makes memory
        # beside them, with which the kernel takes them for new; busybox would sleep in a child that has a copy.
        bundle = started(runtime, "x=$(head -c 12000000 /dev/zero | tr '\\0' x); n=0; while :; do n=$((n+1)); echo $n >/tmp/count; "
                                  "[ -e /tmp/ask ] && echo ${#x} >/tmp/answer; done")
        ahead = ("checkpoint", "--pre-dump", "--image-path", bundle.dir + "/before", bundle.id)
        if not tracks:
            runtime.refused(["Tracking memory is not available"], *ahead, env=environment)
            goes_on(bundle)
            raise Skip("this kernel does not tell which memory has changed (CONFIG_MEM_SOFT_DIRTY)")
        runtime.call(*ahead, env=environment)
        equal(runtime.status(bundle.id), "running")
        goes_on(bundle)
        checkpoint(bundle, environment, "--parent-path", "../before")
        pages = {name: sum(os.path.getsize(file) for file in glob.glob(f"{bundle.dir}/{name}/pages-*.img")) for name in ("before", "images")}
        check(pages["before"] > 10 << 20 and pages["images"] < pages["before"] // 2, f"bytes of memory: {pages}")
        reached = count(bundle)
        restore(bundle, environment)
        goes_on(bundle)
        check(count(bundle) > reached, "it began anew")
        with open(bundle.dir + "/rootfs/tmp/ask", "w"):
            wait_until(lambda: os.path.exists(bundle.dir + "/rootfs/tmp/answer") and read(bundle, "answer") == "12000000\n",
                       what="memory of the first dump")
        bundle.delete()


@test("a container with a user namespace is refused: CRIU would read the images as its user")
def _(_node):
    environment = criu()

    def mapped(config):
        config["linux"]["namespaces"].append({"type": "user"})
        config["linux"].update({kind: [{"containerID": 0, "hostID": 100000, "size": 65536}] for kind in ("uidMappings", "gidMappings")})
    with oci.runtime() as runtime:
        bundle = runtime.bundle("sleep", "1000", change=mapped)
        bundle.create()
        bundle.start()
        images = ("--image-path", bundle.dir + "/images")
        runtime.refused(["user namespace", "CRIU"], "checkpoint", *images, bundle.id, env=environment)
        equal(runtime.status(bundle.id), "running")
        bundle.delete()
        runtime.refused(["user namespace", "CRIU"], "restore", "--bundle", bundle.dir, *images, bundle.id, env=environment)


@test("a stream that was a pipe leads where restore's own leads; one that was a file has to be one again")
def _(_node):
    environment = criu()
    talk = 'n=0; while :; do n=$((n+1)); echo $n >/tmp/count; echo "said $n"; echo "warned $n" >&2; sleep 0.02; done'
    with oci.runtime() as runtime:
        bundle = runtime.bundle("sh", "-c", talk)
        with open(bundle.dir + "/err", "w") as err:
            first = subprocess.Popen(runtime.command("run", "--bundle", bundle.dir, bundle.id), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=err)
        with first:
            while first.stdout.readline() != b"said 4\n":
                pass
            checkpoint(bundle, environment)
            first.stdout.read()
        reached = count(bundle)
        images = ("--bundle", bundle.dir, "--image-path", bundle.dir + "/images")
        runtime.refused(["stream 2", "file"], "restore", *images, bundle.id, env=environment)
        equal(os.listdir(runtime.root), [], "containers")
        with open(bundle.dir + "/err", "a") as err:
            again = subprocess.Popen(runtime.command("restore", *images, bundle.id), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=err, env=environment)
        with again:
            try:
                check(select.select([again.stdout], [], [], 30)[0], "nothing came through the pipe")
                check(int(again.stdout.readline().split()[1]) >= reached, bundle.err)
                goes_on(bundle)
            finally:
                runtime.raw("kill", bundle.id, "KILL")
            again.stdout.read()
            equal(again.wait(20), 137)
        contains(bundle.err(), f"warned {reached + 2}\n", "the file")
