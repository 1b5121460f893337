# SPDX-License-Identifier: Apache-2.0
"""The daemon killed at every step of what it creates. The steps are read from the sources, so that the
table is complete. The next daemon must clean up what had not become visible, and do the request again."""
import glob
import os
import re

from cri import RpcError
from harness import BUILD, SOURCE, IMAGE, Node, Skip, check, equal, tests, wait_until

PROGRAM = BUILD + "/tests/system/berthd-failpoints"


def operation_steps(verb):
    file_name = re.sub("(?<!^)([A-Z])", r"_\1", verb).lower() + ".cpp"
    with open(f"{SOURCE}/src/daemon/ops/{file_name}") as file:
        steps = re.findall(r'op\.step\("([^"]+)"', file.read())
    return [f"{verb}.{step}" for step in steps]


def failpoints(pattern):
    names = []
    for path in sorted(glob.glob(SOURCE + "/" + pattern, recursive=True)):
        with open(path) as file:
            names += re.findall(r'failpoint\("([^"]+)"\)', file.read())
    return sorted(set(names))


def fresh_node(node):
    """Stopped daemons share the directory of one failpoint node, so that images are pulled once."""
    if not hasattr(node, "failpoint_node"):
        node.failpoint_node = Node("failpoints", program=PROGRAM)
        node.failpoint_node.start()
        node.failpoint_node.pull()
    return node.failpoint_node


def die_in(node, action, in_background=False):
    """Runs it; the daemon must die in it, or soon after it for what is done in the background."""
    try:
        action()
    except RpcError as error:
        equal(error.code, "UNAVAILABLE", f"the code of {error.message!r}")
    else:
        if not in_background:
            raise AssertionError("it succeeded: the failpoint was not reached")
    wait_until(lambda: node.process.poll() is not None, what="dead daemon")
    node.restart()


def pod_step(name):
    def run(shared):
        node = fresh_node(shared)
        node.restart(BERTH_FAILPOINT=name)
        before, config = node.leftovers(), node.pod_config()
        die_in(node, lambda: node.cri.RunPodSandbox(config=config))
        if not node.cri.ListPodSandbox().get("items"):
            node.expect_nothing_left(before)
        pod_id = node.cri.RunPodSandbox(config=config)["pod_sandbox_id"]
        node.cri.StopPodSandbox(pod_sandbox_id=pod_id)
        node.cri.RemovePodSandbox(pod_sandbox_id=pod_id)
        node.expect_nothing_left(before)
    return run


def container_step(name):
    def run(shared):
        node = fresh_node(shared)
        node.restart()
        with node.run_pod() as pod:
            before, config = node.leftovers(), pod.container_config(["sh", "-c", "echo fine"])
            node.restart(BERTH_FAILPOINT=name)
            request = {"pod_sandbox_id": pod.id, "config": config, "sandbox_config": pod.config}
            die_in(node, lambda: node.cri.CreateContainer(**request))
            if not node.cri.ListContainers().get("containers"):
                node.expect_nothing_left(before)
            container = node.cri.CreateContainer(**request)["container_id"]
            node.cri.StartContainer(container_id=container)
            wait_until(lambda: node.cri.ContainerStatus(container_id=container)["status"]["state"] == "CONTAINER_EXITED",
                       what="ended container")
            equal(node.cri.ContainerStatus(container_id=container)["status"]["exit_code"], 0)
            node.cri.RemoveContainer(container_id=container)
            node.expect_nothing_left(before)
    return run


def layers(node):
    directory = node.root + "/images/layers"
    return set(os.listdir(directory)) if os.path.isdir(directory) else set()


def pull_step(name):
    def run(shared):
        node = fresh_node(shared)
        node.restart()
        node.cri.RemoveImage(image={"image": IMAGE})
        wait_until(lambda: not layers(node), what="empty store")
        before = node.leftovers()
        node.restart(BERTH_FAILPOINT=name)
        try:
            die_in(node, node.pull)
            if not node.cri.ListImages().get("images"):
                node.expect_nothing_left(before)
                wait_until(lambda: not layers(node), what="store without half an image")
        finally:
            node.restart()
            node.pull()  # also what the next test starts from
        with node.run_pod() as pod:
            equal(pod.sh("echo fine"), "fine\n")
        equal(len(layers(node)), 1, "layers")
    return run


def removal_step(name):
    def run(shared):
        node = fresh_node(shared)
        node.restart()
        node.pull()
        node.restart(BERTH_FAILPOINT=name)
        try:
            die_in(node, lambda: node.cri.RemoveImage(image={"image": IMAGE}), in_background=name == "image.trash")
            there = bool(node.cri.ListImages().get("images"))
            wait_until(lambda: len(layers(node)) == (1 if there else 0), what="store that agrees with its list")
        finally:
            node.restart()
            node.pull()
        with node.run_pod() as pod:
            equal(pod.sh("echo fine"), "fine\n")
    return run


def ended(shared):
    """The last: the shared failpoint node is stopped and holds nothing."""
    node = fresh_node(shared)
    node.restart()
    node.remove_pods()
    node.expect_nothing_left()
    node.stop()


REMOVAL = ("image.remove", "image.trash")
NOT_REACHED = ("snapshot.trash",)  # while something is removed, which recovery repeats: the unit tests' part

POD, CONTAINER = operation_steps("RunPodSandbox"), operation_steps("CreateContainer")
check(len(POD) >= 5 and len(CONTAINER) >= 5, "the sources have no steps any more")
IMAGES = failpoints("src/image/**/*.cpp")
tests.extend((f"the daemon is killed after {name}", pod_step(name)) for name in POD)
tests.extend((f"the daemon is killed after {name}", container_step(name)) for name in CONTAINER)
for point in IMAGES:
    if point in NOT_REACHED:
        continue
    make = removal_step if point in REMOVAL else container_step if point.startswith("snapshot.") else pull_step
    tests.append((f"the daemon is killed at {point}", make(point)))
tests.append(("nothing is left after all of them", ended))
