# SPDX-License-Identifier: Apache-2.0
"""Pods and containers as objects, on top of the CRI's messages."""
import base64
import os
import time

RUNNING, EXITED = "CONTAINER_RUNNING", "CONTAINER_EXITED"


def merge(base, more):
    """`more` over `base`, dictionaries recursively."""
    result = dict(base)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merge(result[key], value) if both else value
    return result


def env(key, value):
    return {"key": key, "value": base64.b64encode(value.encode()).decode()}


class Pod:
    def __init__(self, node, pod_id, config):
        self.node, self.id, self.config, self._containers = node, pod_id, config, 0

    def container_config(self, command, name=None, **more):
        self._containers += 1
        name = name or f"c{self._containers}"
        return merge({"metadata": {"name": name}, "image": {"image": more.pop("image_name", self.node.image)},
                      "command": command, "log_path": name + ".log", "linux": {}}, more)

    def create(self, command, name=None, **more):
        config = self.container_config(command, name, **more)
        answer = self.node.cri.CreateContainer(pod_sandbox_id=self.id, config=config, sandbox_config=self.config)
        return Container(self, answer["container_id"], config)

    def start(self, command, name=None, **more):
        container = self.create(command, name, **more)
        container.start()
        return container

    def output(self, command, **more):
        """What a container of its own prints, stdout and stderr; it must exit with 0."""
        container = self.start(command, **more)
        code = container.wait()
        text = container.output()
        if code != 0:
            raise AssertionError(f"{command} exited with {code}: {text}")
        container.remove()
        return text

    def sh(self, script, **more):
        return self.output(["sh", "-c", script], **more)

    def status(self):
        return self.node.cri.PodSandboxStatus(pod_sandbox_id=self.id)["status"]

    def ip(self):
        return self.status()["network"]["ip"]

    def stop(self):
        self.node.cri.StopPodSandbox(pod_sandbox_id=self.id)

    def remove(self):
        self.node.cri.RemovePodSandbox(pod_sandbox_id=self.id)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.remove()


class Exec:
    def __init__(self, answer):
        self.code = answer["exit_code"]
        self.out = base64.b64decode(answer["stdout"]).decode(errors="replace")
        self.err = base64.b64decode(answer["stderr"]).decode(errors="replace")


class Container:
    def __init__(self, pod, container_id, config):
        self.pod, self.id, self.config = pod, container_id, config

    @property
    def cri(self):
        return self.pod.node.cri

    def start(self):
        self.cri.StartContainer(container_id=self.id)

    def stop(self, timeout=0):
        self.cri.StopContainer(container_id=self.id, timeout=timeout)

    def remove(self):
        self.cri.RemoveContainer(container_id=self.id)

    def status(self, verbose=False):
        answer = self.cri.ContainerStatus(container_id=self.id, verbose=verbose)
        return answer if verbose else answer["status"]

    def exec(self, *command, timeout=20):
        return Exec(self.cri.ExecSync(container_id=self.id, cmd=list(command), timeout=timeout))

    def exec_url(self, *command, **more):
        """For a client of the streaming server; stdout alone if nothing else is asked for."""
        return self.cri.Exec(container_id=self.id, cmd=list(command), **{"stdout": True, **more})["url"]

    def wait(self, seconds=20):
        """The exit code, once it has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.status()
            if status["state"] == EXITED:
                return status["exit_code"]
            time.sleep(0.01)
        raise AssertionError(f"the container runs on after {seconds} s: {self.output()[-500:]!r}")

    def log_file(self):
        return os.path.join(self.pod.config["log_directory"], self.config["log_path"])

    def output(self, stream=None):
        return log_text(self.log_file(), stream)


def log_text(path, stream=None):
    """The payload of a CRI log: lines "TIME STREAM P|F TEXT", with partial ones joined."""
    text = []
    with open(path, "rb") as file:
        for line in file:
            _, name, tag, payload = line.rstrip(b"\n").split(b" ", 3)
            if stream is None or name.decode() == stream:
                text.append(payload if tag == b"P" else payload + b"\n")
    return b"".join(text).decode(errors="replace")
