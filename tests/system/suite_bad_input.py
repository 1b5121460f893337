# SPDX-License-Identifier: Apache-2.0
"""Bad requests, images and plugins: each is refused with a sentence that names the field and the
value, and leaves nothing behind (which the runner checks after every test)."""
import hashlib
import http.client
import io
import json
import os
import tarfile

from cri import RpcError
from harness import REGISTRY, Node, check, contains, equal, refused, test, write
from pods import merge

UID_TOO_BIG = 1 << 40


@test("a pod without metadata, or with an incomplete one")
def _(node):
    refused("INVALID_ARGUMENT", ["metadata"], node.cri.RunPodSandbox, config={})
    refused("INVALID_ARGUMENT", ["metadata.name"], node.cri.RunPodSandbox, config={"metadata": {"namespace": "x", "uid": "y"}})
    refused("INVALID_ARGUMENT", ["metadata.namespace"], node.cri.RunPodSandbox, config={"metadata": {"name": "x", "uid": "y"}})
    refused("INVALID_ARGUMENT", ["metadata"], node.cri.RunPodSandbox)


@test("an unknown runtime handler")
def _(node):
    refused("INVALID_ARGUMENT", ["runtime_handler", "kata"], node.cri.RunPodSandbox, config=node.pod_config(), runtime_handler="kata")


@test("ports out of range")
def _(node):
    for field, value in (("container_port", 70000), ("host_port", 65536), ("container_port", -1)):
        port = merge({"container_port": 80, "host_port": 0}, {field: value})
        refused("INVALID_ARGUMENT", [field, str(value)], node.cri.RunPodSandbox, config=node.pod_config(port_mappings=[port]))


@test("relative and climbing paths of a pod")
def _(node):
    for more, words in (({"log_directory": "relative/logs"}, ["log_directory", "relative/logs"]),
                        ({"linux": {"cgroup_parent": "../../escape"}}, ["cgroup_parent", "../../escape"]),
                        ({"linux": {"cgroup_parent": "/a/../../b"}}, ["cgroup_parent", "/a/../../b"])):
        refused("INVALID_ARGUMENT", words, node.cri.RunPodSandbox, config=node.pod_config(**more))


@test("a sysctl that is not a pod's, or that does not exist")
def _(node):
    for name in ("kernel.panic", "vm.swappiness", "net.../../kernel.panic", "net.no.such.thing"):
        try:
            node.cri.RunPodSandbox(config=node.pod_config(linux={"sysctls": {name: "1"}}))
        except RpcError as error:
            contains(error.message, name)
        else:
            raise AssertionError(f"{name} was accepted")


@test("paths of a container that are relative or climb out")
def _(node):
    with node.run_pod() as pod:
        mount = {"container_path": "/m", "host_path": node.dir}
        for more, words in (({"log_path": "../../../etc/passwd"}, ["log_path", "../../../etc/passwd"]),
                            ({"log_path": "/abs/olute"}, ["log_path", "/abs/olute"]),
                            ({"working_dir": "var"}, ["working_dir", "var"]),
                            ({"mounts": [merge(mount, {"container_path": "rel"})]}, ["container_path", "rel"]),
                            ({"mounts": [merge(mount, {"container_path": "/a/../../b"})]}, ["container_path", "/a/../../b"]),
                            ({"mounts": [merge(mount, {"host_path": "rel"})]}, ["host_path", "rel"]),
                            ({"mounts": [merge(mount, {"host_path": ""})]}, ["host_path"])):
            refused("INVALID_ARGUMENT", words, pod.create, ["true"], **more)


@test("a host path that does not exist")
def _(node):
    with node.run_pod() as pod:
        path = node.dir + "/does/not/exist"
        try:
            pod.start(["true"], mounts=[{"container_path": "/m", "host_path": path}])
        except RpcError as error:
            contains(error.message, path)
            check(error.code != "NOT_FOUND", "NOT_FOUND tells the kubelet that the container is gone")
        else:
            raise AssertionError("accepted")
        check(not os.path.exists(path), "it was made")


@test("user and group numbers out of range, and names that the image does not have")
def _(node):
    with node.run_pod() as pod:
        for field, value in (("run_as_user", UID_TOO_BIG), ("run_as_user", -1)):
            security = {"linux": {"security_context": {field: {"value": value}}}}
            refused("INVALID_ARGUMENT", [field, str(value)], pod.create, ["true"], **security)
        security = {"run_as_user": {"value": 1}, "supplemental_groups": [UID_TOO_BIG]}
        refused("INVALID_ARGUMENT", ["supplemental_groups", str(UID_TOO_BIG)], pod.create, ["true"], linux={"security_context": security})
        try:
            pod.create(["true"], linux={"security_context": {"run_as_username": "stranger"}})
        except RpcError as error:
            contains(error.message, "stranger")
        else:
            raise AssertionError("accepted")


@test("resources and capabilities that make no sense")
def _(node):
    with node.run_pod() as pod:
        for resources, words in (({"oom_score_adj": 2000}, ["oom_score_adj", "2000"]), ({"cpu_quota": -5}, ["cpu_quota", "-5"]),
                                 ({"memory_limit_in_bytes": -7}, ["memory_limit_in_bytes", "-7"])):
            refused("INVALID_ARGUMENT", words, pod.create, ["true"], linux={"resources": resources})
        security = {"capabilities": {"add_capabilities": ["FLY"]}}
        refused("INVALID_ARGUMENT", ["FLY"], pod.create, ["true"], linux={"security_context": security})


@test("an update that the kernel refuses leaves the old limits")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"], linux={"resources": {"memory_limit_in_bytes": 64 << 20}})
        refused("INVALID_ARGUMENT", [], node.cri.UpdateContainerResources, container_id=container.id, linux={"memory_limit_in_bytes": -9})
        equal(container.status()["resources"]["linux"]["memory_limit_in_bytes"], str(64 << 20))


@test("a container of an unknown image, without an image, without metadata, in an unknown pod")
def _(node):
    with node.run_pod() as pod:
        refused("NOT_FOUND", ["no/such:image"], pod.create, ["true"], image_name="no/such:image")
        refused("INVALID_ARGUMENT", ["image"], pod.create, ["true"], image_name="")
        config = pod.container_config(["true"])
        del config["metadata"]
        refused("INVALID_ARGUMENT", ["metadata"], node.cri.CreateContainer, pod_sandbox_id=pod.id, config=config)
        unknown = "f" * 64
        refused("NOT_FOUND", [unknown], node.cri.CreateContainer, pod_sandbox_id=unknown, config=pod.container_config(["true"]))


@test("an ExecSync without a command, and in a container that does not run")
def _(node):
    with node.run_pod() as pod:
        container = pod.create(["sleep", "1000"])
        refused("FAILED_PRECONDITION", [container.id], container.exec, "true")
        container.start()
        refused("INVALID_ARGUMENT", ["cmd"], container.exec)
        refused("INVALID_ARGUMENT", ["timeout", "-3"], container.exec, "true", timeout=-3)


@test("malformed image references")
def _(node):
    for reference in ("", "host.example/UPPER/case", "a b", "host/../x", "x@sha256:short", "x:" + "t" * 200, "/leading", "x@md5:" + "0" * 32):
        refused("INVALID_ARGUMENT", [reference], node.pull, reference)


@test("an image that the registry does not have, and a registry that is not there")
def _(node):
    for reference in (f"{REGISTRY}/no/such:tag", f"{REGISTRY}/library/busybox:no-such-tag"):
        try:
            node.pull(reference)
        except RpcError as error:
            contains(error.message, reference.split("/", 1)[1].split(":")[0])
        else:
            raise AssertionError("pulled")
    try:
        node.pull("127.0.0.1:9/absent:1")
    except RpcError as error:
        contains(error.message, "127.0.0.1:9")
    else:
        raise AssertionError("pulled")


# --- hostile images -----------------------------------------------------------------------------------

def upload(name, data):
    """A blob under its true digest; the registry itself refuses others."""
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    connection = http.client.HTTPConnection(REGISTRY, timeout=30)
    connection.request("POST", f"/v2/{name}/blobs/uploads/", headers={"Content-Length": "0"})
    answer = connection.getresponse()
    answer.read()
    where = answer.getheader("Location").split(REGISTRY, 1)[1]
    connection.request("PUT", f"{where}&digest={digest}", data, {"Content-Type": "application/octet-stream"})
    answer = connection.getresponse()
    check(answer.status == 201, lambda: f"upload: {answer.status}")
    return digest


def push_layer(name, layer, diff_id=None, media_type="tar"):
    """An image of one layer; a `diff_id` that lies is kept."""
    diff_id = diff_id or "sha256:" + hashlib.sha256(layer).hexdigest()
    config = json.dumps({"architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": [diff_id]}}).encode()
    oci = "application/vnd.oci.image."
    manifest = json.dumps({"schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
                           "config": {"mediaType": oci + "config.v1+json", "digest": upload(name, config), "size": len(config)},
                           "layers": [{"mediaType": f"{oci}layer.v1.{media_type}", "digest": upload(name, layer), "size": len(layer)}]})
    connection = http.client.HTTPConnection(REGISTRY, timeout=30)
    connection.request("PUT", f"/v2/{name}/manifests/1", manifest, {"Content-Type": oci + "manifest.v1+json"})
    answer = connection.getresponse()
    check(answer.status == 201, lambda: f"manifest: {answer.status} {answer.read()!r}")
    return f"{REGISTRY}/{name}:1"


def tar_of(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, link, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def expect_refused_pull(node, reference, *words):
    try:
        node.pull(reference)
    except RpcError as error:
        for word in words:
            contains(error.message.lower(), word)
    else:
        raise AssertionError(f"{reference} was pulled")
    equal([image["id"] for image in node.cri.ListImages(filter={"image": {"image": reference}}).get("images", [])], [])


@test("a layer whose diff ID lies")
def _(node):
    reference = push_layer("bad/diffid", tar_of(("f", tarfile.REGTYPE, "", b"x")), "sha256:" + "1" * 64)
    expect_refused_pull(node, reference, "1" * 12)


@test("a truncated layer, compressed and not")
def _(node):
    import gzip
    whole = tar_of(("f", tarfile.REGTYPE, "", os.urandom(100000)))
    expect_refused_pull(node, push_layer("bad/short", whole[:50000]), "layer")
    packed = gzip.compress(whole)
    diff = "sha256:" + hashlib.sha256(whole).hexdigest()
    expect_refused_pull(node, push_layer("bad/shortgz", packed[:len(packed) // 2], diff, "tar+gzip"), "layer")
    expect_refused_pull(node, push_layer("bad/notgz", os.urandom(5000), diff, "tar+gzip"), "layer")


@test("archives that climb out of their root")
def _(node):
    mark = f"climbed-{os.getpid()}"
    up = "../" * 12
    outside = node.dir + "/outside"
    os.makedirs(outside, exist_ok=True)
    attempts = {
        "name": [(f"{up}{outside[1:]}/{mark}", tarfile.REGTYPE, "", b"x")],
        "absolute": [(f"{outside}/{mark}", tarfile.REGTYPE, "", b"x")],
        "symlink": [("way", tarfile.SYMTYPE, outside, b""), (f"way/{mark}", tarfile.REGTYPE, "", b"x")],
        "relative": [("way", tarfile.SYMTYPE, f"{up}{outside[1:]}", b""), (f"way/{mark}", tarfile.REGTYPE, "", b"x")],
        "hardlink": [(mark, tarfile.LNKTYPE, f"{up}etc/passwd", b"")],
    }
    for name, members in attempts.items():
        try:
            node.pull(push_layer("bad/climb-" + name, tar_of(*members)))
        except RpcError:
            pass  # refused or kept inside: both are right
        equal(os.listdir(outside), [], f"outside after {name}")


@test("a disk that fills during unpack: the pull fails, the space comes back, the daemon goes on")
def _(node):
    small = Node("small", root_size="24m")
    small.start()
    try:
        path = node.dir + "/big/file"
        write(path, "")
        with open(path, "wb") as file:
            file.write(os.urandom(40 << 20))
        node.registry.push("--rootfs", node.dir + "/big", "--name", "bad/big", "--tag", "1", "--compress", "none")
        os.unlink(path)
        before = small.leftovers()
        try:
            small.pull(f"{REGISTRY}/bad/big:1")
        except RpcError as error:
            contains(error.message, "No space left on device")
        else:
            raise AssertionError("pulled 40 MB into 24 MB")
        small.expect_nothing_left(before)
        small.pull()
        with small.run_pod() as pod:
            equal(pod.sh("echo fine"), "fine\n")
    finally:
        small.stop()
