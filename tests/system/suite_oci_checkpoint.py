# SPDX-License-Identifier: Apache-2.0
"""checkpoint and restore by berth-oci, with the CRIU that ./dev setup has fetched."""
import os
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
    return int(read(bundle, "count") or 0)


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
        os.makedirs(bundle.dir + "/images", exist_ok=True)
        said = runtime.refused(["restore.log"], "restore", "--detach", "--bundle", bundle.dir, *images, bundle.id, env=environment)
        check("criu check" not in said, "CRIU is said to be at fault: " + said)
        equal(os.listdir(runtime.root), [], "containers")
        runtime.refused(["nowhere"], "restore", "--bundle", bundle.dir, "--image-path", bundle.dir + "/nowhere", bundle.id, env=environment)
