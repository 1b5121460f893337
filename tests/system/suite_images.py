# SPDX-License-Identifier: Apache-2.0
"""The image store in a node engineer's hands: verify, export, prune, preload, additional stores."""
import glob
import json
import os
import shutil
import subprocess
import tarfile

from harness import BASE, IMAGE, Node, check, contains, equal, need, test, wait_until

HOST = {"security_context": {"namespace_options": {"network": "NODE"}}}


def layer_files(node):
    """The directories of layers' files, by number."""
    return {int(os.path.basename(os.path.dirname(path))): path for path in glob.glob(node.root + "/images/layers/*/fs")}


def whole(node):
    """What `image verify` says in the end."""
    return node.ctl("image", "verify").splitlines()[-1]


def told_id(path):
    """The ID of the one image in an archive."""
    with tarfile.open(path) as tar:
        index = json.load(tar.extractfile("index.json"))
        manifest = json.load(tar.extractfile("blobs/sha256/" + index["manifests"][0]["digest"][7:]))
    return manifest["config"]["digest"]


@test("a damaged layer is found and repaired, under a container that runs on")
def _(node):
    mine = Node("verify")
    mine.start()
    try:
        mine.pull()
        wait_until(lambda: whole(mine) == "1 of 1 layers are as they were unpacked", what="record of the layer")
        (number, files), = layer_files(mine).items()
        with mine.run_pod(linux=HOST) as pod:
            container = pod.start(["sh", "-c", "echo $$; while :; do sleep 0.1; done"])
            os.chmod(files + "/bin/busybox", 0o700)
            told = mine.ctl("image", "verify", check_status=False)
            contains(told, f"damaged layer {number} sha256:")
            contains(told, IMAGE)
            told = mine.ctl("image", "verify", IMAGE, "--repair")
            contains(told, f"repaired layer {number} ")
            equal(container.exec("busybox", "echo", "still here").out, "still here\n")
            equal(sorted(layer_files(mine)), [number, number + 1])
            equal(os.stat(layer_files(mine)[number + 1] + "/bin/busybox").st_mode & 0o777, 0o755)
            equal(pod.sh("echo new"), "new\n")
        wait_until(lambda: sorted(layer_files(mine)) == [number + 1], what="end of the old layer")
        wait_until(lambda: whole(mine) == "1 of 1 layers are as they were unpacked", what="record of the new layer")
    finally:
        mine.stop()


@test("an exported archive is imported by berth and by podman, and runs")
def _(node):
    path, copy = node.dir + "/export.tar", Node("import")
    told = node.ctl("image", "export", path, IMAGE)
    check(told.startswith(told_id(path) + " "), told)
    contains(told, IMAGE)
    try:
        node.ctl("image", "export", path, IMAGE)
    except AssertionError as error:
        contains(str(error), path + " exists already")
    else:
        raise AssertionError("overwritten")
    copy.start()
    try:
        contains(copy.ctl("image", "import", path), IMAGE)
        with copy.run_pod(linux=HOST) as pod:
            equal(pod.sh("echo imported"), "imported\n")
    finally:
        copy.stop()
    try:
        program = need("podman")
        store = BASE + "/podman-load"
        podman = [program, "--root", store, "--runroot", store + "-run", "--storage-driver", "vfs"]
        try:
            contains(node.run(*podman, "load", "-i", path), IMAGE)
            contains(node.run(*podman, "images", "--format", "{{.Id}}", "--no-trunc"), told_id(path).removeprefix("sha256:"))
        finally:
            subprocess.run(["umount", store + "/vfs"], capture_output=True)
            shutil.rmtree(store, ignore_errors=True)
            shutil.rmtree(store + "-run", ignore_errors=True)
    finally:
        os.remove(path)


@test("prune removes what no container uses and nobody has pinned")
def _(node):
    mine = Node("prune", extra_config='pinned = ["*/keep:*"]\n')
    mine.start()
    try:
        mine.pull()
        push = ["python3", os.path.dirname(os.path.dirname(__file__)) + "/support/push_image.py", "--busybox", "--tag", "1"]
        for name in ("keep", "drop"):
            archive = f"{mine.dir}/{name}.tar"
            mine.run(*push, "--env", "N=" + name, "--name", "example.test/" + name, "--out-oci-archive", archive)
            mine.ctl("image", "import", archive)
        with mine.run_pod(linux=HOST) as pod:
            pod.start(["sleep", "1000"])
            contains(mine.ctl("image", "prune"), "example.test/drop:1")
            left = mine.ctl("image", "list")
            check("drop" not in left, left)
            contains(left, IMAGE)
            contains(left, "example.test/keep:1")
        contains(mine.ctl("image", "prune"), IMAGE)
        contains(mine.ctl("image", "list"), "example.test/keep:1")
    finally:
        mine.stop()


@test("images of the preload directory and of a read-only store are there at start")
def _(node):
    packed, layout = BASE + "/archives", BASE + "/other-store"
    os.makedirs(packed)
    node.ctl("image", "export", packed + "/busybox.tar", IMAGE)
    with open(packed + "/broken.tar", "w") as file:
        file.write("none")
    first = Node("preload", extra_config=f'preload_dir = "{packed}"\n')
    first.start()
    try:
        wait_until(lambda: IMAGE in first.ctl("image", "list"), what="preloaded image")
        with first.run_pod(linux=HOST) as pod:
            equal(pod.sh("echo preloaded"), "preloaded\n")
        wait_until(lambda: "busybox.tar" in first.log_tail(100), what="line in the log")
        contains(first.log_tail(100), "broken.tar")
        wait_until(lambda: whole(first) == "1 of 1 layers are as they were unpacked", what="record of the layer")
    finally:
        first.stop()
    os.makedirs(layout)
    subprocess.run(["mount", "--bind", first.root + "/images", layout], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", layout], check=True)
    second = Node("additional", extra_config=f'additional_stores = ["{layout}"]\n')
    try:
        second.start()
        contains(second.ctl("image", "list"), IMAGE)
        contains(second.ctl("image", "list"), "yes")
        with second.run_pod(linux=HOST) as pod:
            equal(pod.sh("echo from there"), "from there\n")
        contains(second.ctl("image", "verify"), "1 of 1 layers")
        equal(second.ctl("image", "prune"), "")
        contains(second.ctl("image", "list"), IMAGE)
    finally:
        second.stop()
        subprocess.run(["umount", layout], check=True)
        shutil.rmtree(packed)
