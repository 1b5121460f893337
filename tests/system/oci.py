# SPDX-License-Identifier: Apache-2.0
"""berth-oci for the suites: bundles with busybox in them, and a runtime with a root of its own that
must be empty at the end."""
import contextlib
import copy
import json
import os
import shutil
import subprocess

import isolate
from harness import BASE, BUILD, Skip, check, contains, equal, wait_until

OCI = BUILD + "/bin/berth-oci"
DIRECTORY = BASE + "/oci"
_made = 0


def _rootfs(directory):
    """A busybox with a link for each of its applets; made once, copied by hard links."""
    template = DIRECTORY + "/template"
    if not os.path.exists(template):
        os.makedirs(template + ".new/bin")
        for name in ("dev", "proc", "sys", "tmp", "etc", "root"):
            os.makedirs(f"{template}.new/{name}")
        shutil.copy("/bin/busybox", template + ".new/bin/busybox")
        applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
        for applet in applets:
            if applet != "busybox":
                os.symlink("busybox", f"{template}.new/bin/{applet}")
        with open(template + ".new/etc/passwd", "w") as file:
            file.write("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n")
        os.rename(template + ".new", template)
    subprocess.run(["cp", "-al", template, directory], check=True)


class Runtime:
    """One --root. Other programs with the same command line can take berth-oci's place."""

    def __init__(self, program=OCI, *flags, parent=None):
        global _made
        _made += 1
        if not os.path.exists(program):
            raise Skip(f"{program} is not there")
        self.program, self.flags = program, list(flags)
        self.dir = f"{DIRECTORY}/{_made}"
        self.root, self.parent = self.dir + "/state", parent or f"{isolate.cgroup_parent()}/oci{_made}"
        os.makedirs(self.root, mode=0o700)
        self._ids, self._unique = 0, _made

    def command(self, *arguments):
        return [self.program, "--root", self.root, *self.flags, *arguments]

    def call(self, *arguments, status=0, timeout=60, **more):
        """Runs a verb; stdout. The exit status must be `status` (None: any)."""
        done = self.raw(*arguments, timeout=timeout, **more)
        check(status is None or done.returncode == status,
              lambda: f"{arguments} ended with {done.returncode}, not {status}: {done.stdout}{done.stderr}")
        return done.stdout

    def raw(self, *arguments, timeout=60, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=timeout, **more)

    def refused(self, words, *arguments, status=1, **more):
        done = self.raw(*arguments, **more)
        equal(done.returncode, status, f"the exit status of {arguments}: {done.stderr!r}")
        for word in words:
            contains(done.stderr, word, "stderr")
        equal(done.stderr.count("\n"), 1, f"lines of stderr: {done.stderr}")
        return done.stderr

    def bundle(self, *args, change=None, **process):
        return Bundle(self, args, change, process)

    def state(self, name):
        return json.loads(self.call("state", name))

    def status(self, name):
        return self.state(name)["status"]

    def wait_stopped(self, name):
        wait_until(lambda: self.status(name) == "stopped", what=f"end of {name}")

    def clean(self):
        for name in os.listdir(self.root):
            self.raw("delete", "--force", name)
        equal(os.listdir(self.root), [], "what is left in the state directory")
        left = [path for _, path in isolate.cgroups_below(self.parent) if path != self.parent]
        equal(left, [], "cgroups left behind")
        isolate.remove_cgroups(self.parent)
        with open("/proc/self/mountinfo") as file:
            mounts = [line.split()[4] for line in file]
        equal([point for point in mounts if point.startswith(self.dir + "/")], [], "mounts left behind")
        shutil.rmtree(self.dir)


class Bundle:
    def __init__(self, runtime, args, change, process):
        runtime._ids += 1
        self.runtime, self.id = runtime, f"c{runtime._unique}-{runtime._ids}"
        self.dir = f"{runtime.dir}/{self.id}"
        os.makedirs(self.dir)
        _rootfs(self.dir + "/rootfs")
        self.config = copy.deepcopy(default_config())
        self.config["process"].update(args=list(args), **process)
        self.config["linux"]["cgroupsPath"] = f"{runtime.parent}/{self.id}"
        if change:
            change(self.config)
        self.write()

    def write(self):
        with open(self.dir + "/config.json", "w") as file:
            json.dump(self.config, file)

    def run(self, *flags, status=0, **more):
        return self.runtime.call("run", *flags, "--bundle", self.dir, self.id, status=status, **more)

    def run_again(self):
        """In the place of the one that has ended."""
        self.delete()
        return self.run()

    def create(self, *flags, **more):
        """Its streams are files: pipes would stay open with the container."""
        with open(self.dir + "/out", "w") as out, open(self.dir + "/err", "w") as err:
            done = subprocess.run(self.runtime.command("create", *flags, "--bundle", self.dir, self.id), stdout=out,
                                  stderr=err, stdin=subprocess.DEVNULL, timeout=60, **more)
        check(done.returncode == 0, lambda: f"create ended with {done.returncode}: {self.err()}")

    def start(self):
        self.runtime.call("start", self.id)

    def exec(self, *words, status=0, **more):
        return self.runtime.call("exec", self.id, *words, status=status, **more)

    def out(self):
        with open(self.dir + "/out") as file:
            return file.read()

    def err(self):
        with open(self.dir + "/err") as file:
            return file.read()

    def delete(self):
        self.runtime.call("delete", "--force", self.id)


@contextlib.contextmanager
def runtime(*flags, program=OCI, parent=None):
    made = Runtime(program, *flags, parent=parent)
    try:
        yield made
    finally:
        made.clean()


_config = None


def default_config():
    """What `berth-oci spec` writes, without its terminal."""
    global _config
    if _config is None:
        directory = DIRECTORY + "/spec"
        os.makedirs(directory)
        subprocess.run([OCI, "spec", "--bundle", directory], check=True)
        with open(directory + "/config.json") as file:
            _config = json.load(file)
        _config["ociVersion"] = "1.0.2"  # what older peers take
        _config["process"]["terminal"] = False
        _config["root"]["readonly"] = False
    return _config
