# SPDX-License-Identifier: Apache-2.0
"""What the suites of attacks share: crafted images, bait on the host, and racing renames."""
import contextlib
import ctypes
import os
import threading

from cri import RpcError
from harness import BUILD, Skip, equal, write

PEEPER = BUILD + "/tests/system/peeper"
SHELL = "/bin/sh"
AT_FDCWD, RENAME_EXCHANGE = -100, 2


def security(**more):
    return {"linux": {"security_context": more}}


def modes(**more):
    return security(namespace_options=more)


def plain_pod(node, **more):
    """None of the attacks needs a network."""
    return node.run_pod(**security(namespace_options={"network": "NODE", **more}))


def crafted(node, name, make, *arguments):
    """An image: busybox, and what `make(directory)` puts over it."""
    directory = f"{node.dir}/image-{name}"
    if not os.path.isdir(directory):
        os.makedirs(directory)
        make(directory)
    node.registry.push("--busybox", "--rootfs", directory, "--name", "crafted/" + name, "--tag", "1", *arguments)
    image = f"{node.image.split('/')[0]}/crafted/{name}:1"
    node.pull(image)
    return image


def link(target, path):
    return lambda directory: os.symlink(target, directory + path)


def bait(node, name):
    """A directory of the host that an attack is after, with a file in it; what it holds may not change."""
    write(f"{node.dir}/{name}/kept", "of the host")
    return f"{node.dir}/{name}"


@contextlib.contextmanager
def untouched(*paths):
    """What the host has at these paths is the same afterwards."""
    def look():
        return {path: sorted(os.listdir(path)) if os.path.isdir(path) else open(path).read() for path in paths}
    before = look()
    yield
    equal(look(), before, "the host")


def attempt(action, *arguments, **more):
    """The outcome of something that may be refused: the sentence, or None."""
    try:
        action(*arguments, **more)
    except RpcError as error:
        return error.message
    return None


def mount(container_path, host_path, **more):
    return {"container_path": container_path, "host_path": host_path, **more}


def peeper():
    """As a mount of a container."""
    if not os.path.exists(PEEPER):
        raise Skip(f"{PEEPER} is not built")
    return mount("/peeper", PEEPER, readonly=True)


def pid_of(container):
    """The host's number of its first process."""
    import json
    return json.loads(container.status(verbose=True)["info"]["info"])["pid"]


def inner_pid(container):
    """The number that other containers of the PID namespace know it by."""
    with open(f"/proc/{pid_of(container)}/status") as file:
        return next(line for line in file if line.startswith("NSpid:")).split()[-1]


@contextlib.contextmanager
def swapping(*pairs):
    """Each pair of paths changes places, each in a thread of its own, as fast as the kernel does it."""
    libc, stop = ctypes.CDLL(None, use_errno=True), threading.Event()

    def swap(first, second):
        while not stop.is_set():
            libc.renameat2(AT_FDCWD, first.encode(), AT_FDCWD, second.encode(), RENAME_EXCHANGE)
    racers = [threading.Thread(target=swap, args=pair) for pair in pairs]
    for racer in racers:
        racer.start()
    try:
        yield
    finally:
        stop.set()
        for racer in racers:
            racer.join()
