# SPDX-License-Identifier: Apache-2.0
"""Images mounted as volumes."""
import os

from harness import REGISTRY, Registry, contains, equal, refused, test, write

NAME = f"{REGISTRY}/volume:1"


def push(node):
    root = node.dir + "/volume-root"
    if not os.path.exists(root):
        write(root + "/file", "in the image\n")
        write(root + "/sub/deep/file", "deep\n")
        os.chown(root + "/sub/deep/file", 7, 8)
        os.symlink("/etc", root + "/out")
        os.symlink("sub/deep", root + "/link")
        Registry.push("--name", "volume", "--tag", "1", "--rootfs", root)
    return node.cri.PullImage(image={"image": NAME})["image_ref"]


def volume(image=NAME, path="/data", **more):
    return {"container_path": path, "readonly": True, "image": {"image": image}, **more}


@test("image volumes: an image is there read-only, whole or a directory of it, also by a link within it")
def _(node):
    push(node)
    with node.run_pod() as pod:
        mounts = [volume(), volume(path="/deep", image_sub_path="sub/deep"), volume(path="/linked", image_sub_path="link")]
        text = pod.sh("cat /data/file /data/sub/deep/file /deep/file /linked/file; ls /deep; touch /data/x /deep/x 2>&1; true", mounts=mounts)
        equal(text, "in the image\ndeep\ndeep\ndeep\nfile\ntouch: /data/x: Read-only file system\ntouch: /deep/x: Read-only file system\n")


@test("image volumes: a sub-path that is not there, is a file, or is a link out of the image is refused")
def _(node):
    push(node)
    with node.run_pod() as pod:
        for path in ("absent", "file", "out"):
            refused("UNKNOWN", ["ImageVolumeMountFailed: create container", path], pod.create, ["true"],
                    mounts=[volume(image_sub_path=path)])


@test("image volumes: an image that is not on the node is refused with what to do")
def _(node):
    with node.run_pod() as pod:
        refused("UNKNOWN", ["ImageVolumeMountFailed", "absent:1", "pull it first"], pod.create, ["true"],
                mounts=[volume(image=f"{REGISTRY}/absent:1")])


@test("image volumes: the image stays while a container has it, also over a restart, and its digest is in the status")
def _(node):
    image = push(node)
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"], mounts=[volume()])
        mount = container.status()["mounts"][0]
        contains(mount["image"]["image_ref"], "/volume@sha256:")
        equal(mount["image"]["image"], NAME)
        for _ in range(2):
            refused("FAILED_PRECONDITION", ["mounted as a volume"], node.cri.RemoveImage, image={"image": NAME})
            node.restart()
            equal(container.exec("cat", "/data/file").out, "in the image\n")
        container.stop()
        container.remove()
        node.cri.RemoveImage(image={"image": NAME})
        check_gone = node.cri.ImageStatus(image={"image": image})
        equal(check_gone.get("image"), None)


@test("image volumes: in a user namespace files belong to whom they belong in the image")
def _(node):
    push(node)
    ids = [{"host_id": 300_000, "container_id": 0, "length": 65_536}]
    wish = {"linux": {"security_context": {"namespace_options": {"userns_options": {"mode": "POD", "uids": ids, "gids": ids}}}}}
    with node.run_pod(**wish) as pod:
        equal(pod.sh("stat -c %u:%g /data/file /data/sub/deep/file /deep/file", mounts=[volume(), volume(path="/deep", image_sub_path="sub/deep")]),
              "0:0\n7:8\n7:8\n")
