# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of the suites: @test, needs(), check(), Skip, and Node, a private daemon."""
import contextlib
import functools
import glob
import json
import os
import shutil
import signal
import socket as sockets
import subprocess
import time

import isolate
import leftovers
from cri import Cri, RpcError
from pods import Pod, merge

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("BERTH_BUILD", SOURCE + "/build")
REGISTRY = "127.0.0.1:5000"
IMAGE = REGISTRY + "/library/busybox:1"
BASE = "/run/node"

tests = []  # (sentence, function), in the order of definition


def test(sentence):
    def register(function):
        tests.append((sentence, function))
        return function
    return register


def outside(sentence):
    """A test that runs on the machine itself, before the node is made, and without one."""
    def register(function):
        function.outside = True
        tests.append((sentence, function))
        return function
    return register


class Skip(Exception):
    """The test cannot run here; its text says what is missing."""


def needs(*names):
    """What a test, below its @test, needs of the kernel: words of KERNEL, or controllers of cgroup v2. Where one
    is missing it is skipped; `run --needing` selects those that need something."""
    def mark(function):
        function.needs = names
        return function
    return mark


def lacking(names):
    """What of them this kernel has not."""
    return [name for name in names if not KERNEL.get(name, lambda name=name: has_controller(name))()]


def check(condition, said=""):
    if not condition:
        raise AssertionError(said() if callable(said) else said)


def equal(actual, expected, what=""):
    check(actual == expected, lambda: f"{what or 'value'} is {actual!r}, not {expected!r}")


def contains(text, part, what=""):
    check(part in text, lambda: f"{what or 'text'} has no {part!r}: {text!r}")


def refused(code, words, action, *arguments, **request):
    """The call must fail with `code` and a sentence that has all `words`; returns the sentence."""
    try:
        action(*arguments, **request)
    except RpcError as error:
        equal(error.code, code, f"the code of {error.message!r}")
        for word in words:
            contains(error.message, word, "the sentence")
        return error.message
    raise AssertionError(f"not refused, although {code} was due")


def wait_until(condition, seconds=10, what="condition", every=0.02):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still no {what}")
        time.sleep(every)


def tool(name):
    """A program from PATH, $BERTH_TOOLS or the cache that ./dev setup fills; None when it is not there."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    places = [os.environ.get("BERTH_TOOLS", "")] + sorted(glob.glob(cache + "/berth/cri-tools-*"), reverse=True)
    return shutil.which(name) or shutil.which(name, path=":".join(filter(None, places)))


def need(name):
    path = tool(name)
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


@functools.lru_cache
def has_nat():
    """Whether this kernel translates addresses for iptables; user-mode-linux does not."""
    chain = ["iptables", "-w", "-t", "nat"]
    made = subprocess.run([*chain, "-N", "BERTH-PROBE"], capture_output=True).returncode == 0
    return made and subprocess.run([*chain, "-X", "BERTH-PROBE"], capture_output=True).returncode == 0


def has_controller(name):
    """Whether cgroup v2 has it for the groups of tests; hybrid hosts have most in v1."""
    try:
        with open("/sys/fs/cgroup/cgroup.controllers") as file:
            return name in file.read().split()
    except OSError:
        return False


KERNEL = {"nat": has_nat, "smp": lambda: os.cpu_count() > 1, "psi": lambda: os.path.exists("/proc/pressure/cpu"),
          "quota": lambda: shutil.which("mkfs.xfs") is not None,
          "selinux": lambda: os.path.exists("/sys/fs/selinux/enforce")}


def conflist(subnet="10.88.1.0/24", bridge="cni-test0"):
    """The usual network of a plain node, as far as its kernel goes."""
    bridge = {"type": "bridge", "bridge": bridge, "isGateway": True, "ipMasq": has_nat(), "hairpinMode": True,
              "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet}]], "routes": [{"dst": "0.0.0.0/0"}]}}
    translated = [{"type": "portmap", "capabilities": {"portMappings": True}}, {"type": "firewall"}]
    plugins = [bridge] + (translated if has_nat() else [])
    return json.dumps({"cniVersion": "1.0.0", "name": "podnet", "plugins": plugins})


class Registry:
    """Debian's docker-registry on loopback, with the images that tests push."""

    def __init__(self, directory=BASE + "/registry"):
        program = shutil.which("docker-registry")
        if not program:
            raise Skip("docker-registry is not installed")
        config = {"version": "0.1", "log": {"level": "error", "accesslog": {"disabled": True}},
                  "storage": {"filesystem": {"rootdirectory": directory}, "delete": {"enabled": True}},
                  "http": {"addr": REGISTRY}}
        write(BASE + "/registry.json", json.dumps(config))
        with open(BASE + "/registry.log", "w") as log:
            self.process = subprocess.Popen([program, "serve", BASE + "/registry.json"], stdout=log, stderr=log)
        wait_until(self._listening, 30, "registry")
        self.push("--busybox", "--name", "library/busybox", "--tag", "1", "--also-tag", "latest", "--cmd", '["sh"]',
                  "--env", "PATH=/bin:/usr/bin")

    @staticmethod
    def _listening():
        host, port = REGISTRY.split(":")
        with sockets.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    @staticmethod
    def push(*arguments):
        """push_image.py's lines as a dictionary: manifest, config, index, layer."""
        command = ["python3", SOURCE + "/tests/support/push_image.py", "--registry", REGISTRY, *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        check(done.returncode == 0, lambda: f"push failed: {done.stderr}")
        return dict(line.split(" ", 1) for line in done.stdout.splitlines())

    def stop(self):
        self.process.kill()
        self.process.wait()


class Node:
    """One berthd on private directories. `restart` and `kill` are parts of its life."""
    before_exec = None  # what the daemon's process does before it becomes berthd

    def __init__(self, name="main", program=BUILD + "/bin/berthd", root_size=None, extra_config=""):
        self.name, self.dir, self.image = name, f"{BASE}/{name}", IMAGE
        self.root, self.state = self.dir + "/root", self.dir + "/state"
        self.cni_conf, self.log, self.pod_logs = self.dir + "/net.d", self.dir + "/berthd.log", self.dir + "/logs"
        self.socket, self.parent = f"unix://{self.dir}/berth.sock", f"{isolate.cgroup_parent()}/{name}"
        self.program, self.process, self.cri, self._pods = program, None, None, 0
        for directory in (self.root, self.state, self.cni_conf, self.pod_logs):
            os.makedirs(directory, exist_ok=True)
        if root_size:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + root_size, "tmpfs", self.root], check=True)
        self._configure(extra_config)

    def _configure(self, extra):
        write(self.cni_conf + "/10-podnet.conflist", conflist())
        write(self.dir + "/registries.conf", f'[[registry]]\nlocation = "{REGISTRY}"\ninsecure = true\n'
              '[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n'
              f'[[registry.mirror]]\nlocation = "{REGISTRY}"\ninsecure = true\n')
        config = (f'[image]\nregistries_conf = "{self.dir}/registries.conf"\n'
                  f'registries_conf_dir = "{self.dir}/registries.conf.d"\n'
                  f'certs_dirs = ["{self.dir}/certs.d"]\nauth_files = ["{self.dir}/auth.json"]\n'
                  f'auth_dir = "{self.dir}/auth"\nshort_name_aliases = ""\n')
        write(self.dir + "/berth.toml", config + extra)

    def use_root(self, root):
        """Another place for images and layers than the run's tmpfs."""
        os.makedirs(root)
        self.root = root

    def command(self):
        return [self.program, "--config", self.dir + "/berth.toml", "--root", self.root, "--state", self.state,
                "--listen", self.socket, "--cni-conf-dir", self.cni_conf, "--cni-bin-dir", "/usr/lib/cni",
                "--cgroup-parent", self.parent, "--cgroup-driver", "cgroupfs",
                # Not every daemon of the tests has them beside it.
                "--pid1", BUILD + "/bin/berth-pid1", "--unpack", BUILD + "/bin/berth-unpack", "--log-level",
                os.environ.get("BERTH_TEST_LOG_LEVEL", "info")]

    def start(self, **environment):
        """Starts berthd and waits until it answers; returns the seconds to its socket."""
        began = time.monotonic()
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **environment}, preexec_fn=self.before_exec)
        path = self.socket[len("unix://"):]

        def serving():
            check(self.process.poll() is None, lambda: f"berthd ended: {self.log_tail()}")
            with sockets.socket(sockets.AF_UNIX) as probe:
                return probe.connect_ex(path) == 0
        wait_until(serving, 30, "berthd on its socket", every=0.001)
        elapsed = time.monotonic() - began
        if self.cri is None:
            self.cri = Cri(BUILD + "/tests/system/cri_call", self.socket)
        wait_until(self._answers, 60, "answer")
        return elapsed

    def _answers(self):
        try:
            return self.cri.Version(rpc_timeout=20)
        except RpcError as error:  # an emulated machine may take longer than a channel's patience
            check(error.code == "UNAVAILABLE", lambda: error.message)
            return None

    def kill(self, number=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(20)
        self.close_cri()  # its channel must not see the old socket any more

    def close_cri(self):
        if self.cri:
            self.cri.close()
            self.cri = None

    def restart(self, **environment):
        self.kill()
        return self.start(**environment)

    def stop(self):
        try:
            self.kill(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.kill()

    def log_tail(self, lines=15):
        with open(self.log, errors="replace") as file:
            return "\n".join(file.read().splitlines()[-lines:])

    # --- pods ---------------------------------------------------------------------------------------

    def pull(self, image=IMAGE, **more):
        return self.cri.PullImage(rpc_timeout=120, image={"image": image}, **more)["image_ref"]

    def pod_config(self, name=None, **more):
        self._pods += 1
        name = name or f"pod{self._pods}"
        metadata = {"name": name, "namespace": "default", "uid": f"uid-{self.name}-{self._pods}"}
        return merge({"metadata": metadata, "log_directory": f"{self.pod_logs}/{name}", "linux": {}}, more)

    def run_pod(self, name=None, runtime_handler="", **more):
        config = self.pod_config(name, **more)
        answer = self.cri.RunPodSandbox(config=config, runtime_handler=runtime_handler)
        return Pod(self, answer["pod_sandbox_id"], config)

    def remove_pods(self):
        for pod in self.cri.ListPodSandbox().get("items", []):
            self.cri.StopPodSandbox(pod_sandbox_id=pod["id"])
            self.cri.RemovePodSandbox(pod_sandbox_id=pod["id"])

    def leftovers(self):
        return leftovers.find(self.root, self.state, self.parent)

    def expect_nothing_left(self, before=frozenset(), seconds=10):
        """Cleaning may go on in the background for a moment."""
        left = self.leftovers() - before
        deadline = time.monotonic() + seconds
        while left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = self.leftovers() - before
        check(not left, lambda: "left behind: " + "; ".join(sorted(map(leftovers.describe, left))))

    # --- programs -----------------------------------------------------------------------------------

    def run(self, *command, check_status=True, timeout=60, **more):
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **more)
        if check_status and done.returncode:
            raise AssertionError(f"{' '.join(command[:4])}... ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def crictl(self, *arguments, **more):
        return self.run(need("crictl"), "--runtime-endpoint", self.socket, "--image-endpoint", self.socket,
                        "--timeout", "30s", *arguments, **more)

    def ctl(self, *arguments, **more):
        program = BUILD + "/bin/berthctl"
        if not os.path.exists(program):
            raise Skip("berthctl is not built")
        return self.run(program, "--socket", self.socket, *arguments, **more)


@contextlib.contextmanager
def another_node(name, config=""):
    """A node of its own beside the shared one, with other settings."""
    node = Node(name, extra_config=config)
    try:
        node.start()
        node.pull()
        yield node
    finally:
        if node.cri:
            node.remove_pods()
        node.stop()
