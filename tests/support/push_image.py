#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds a container image from directories or tar files, and pushes it to a registry or writes it
to an archive. Python's standard library only. For tests, the demo and the benchmark; output is the
same for the same input, so digests may be compared.

Layers, bottom first, in the order of the command line (at least one):
  --busybox [PATH]   a small root: static busybox with hard-linked applets, /etc/passwd, /tmp, ...
  --rootfs DIR       a directory's content with owners, modes, hard links, xattrs, devices
  --tar FILE         a ready uncompressed tar
Where to (any number of):
  --registry HOST:PORT --name library/busybox [--tag 1] [--also-tag T]...   over plain HTTP
      [--https [--cafile FILE]] [--creds USER:PASSWORD]
  --out-oci-archive FILE | --out-oci-layout DIR | --out-docker-archive FILE   (gzipped for *.gz)
      the reference inside is [HOST:PORT/]NAME:TAG
How:
  --oci (default) | --docker            media types
  --compress gzip (default)|none|zstd   of layers; --level N
  --index                               wrap in an index: first a decoy of another architecture,
                                        an unknown/unknown entry, then the image; the tag is the index
  --platform OS/ARCH[/VARIANT]          default: this machine
Config: --entrypoint J --cmd J (JSON array, or a string of words), --env K=V..., --user U,
  --workdir D, --label K=V..., --volume D..., --stopsignal S
Prints lines "manifest sha256:...", "config sha256:...", "index sha256:..." (with --index), and one
"layer sha256:... diff sha256:... size N" for each layer.

  push_image.py --registry 127.0.0.1:5000 --name library/busybox --tag 1 --busybox --cmd '["sh"]'
"""
import argparse
import ctypes
import ctypes.util
import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import platform
import shlex
import ssl
import stat
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
TYPES = {
    "oci": {"manifest": OCI + "manifest.v1+json", "index": OCI + "index.v1+json", "config": OCI + "config.v1+json",
            "none": OCI + "layer.v1.tar", "gzip": OCI + "layer.v1.tar+gzip", "zstd": OCI + "layer.v1.tar+zstd"},
    "docker": {"manifest": DOCKER + "distribution.manifest.v2+json",
               "index": DOCKER + "distribution.manifest.list.v2+json",
               "config": DOCKER + "container.image.v1+json", "none": DOCKER + "image.rootfs.diff.tar",
               "gzip": DOCKER + "image.rootfs.diff.tar.gzip", "zstd": DOCKER + "image.rootfs.diff.tar.zstd"},
}
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}
PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
GROUP = "root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnogroup:x:65534:\n"


class HashingFile:
    """A file that hashes what passes through to the next one."""

    def __init__(self, inner):
        self.inner, self.hash, self.size = inner, hashlib.sha256(), 0

    def write(self, data):
        self.hash.update(data)
        self.size += len(data)
        self.inner.write(data)
        return len(data)

    def flush(self):
        self.inner.flush()

    def digest(self):
        return "sha256:" + self.hash.hexdigest()


class ZstdWriter:
    """One zstd frame through libzstd's streaming interface."""

    class Buffer(ctypes.Structure):
        _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]

    def __init__(self, inner, level):
        self.lib = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
        self.lib.ZSTD_createCCtx.restype = ctypes.c_void_p
        self.lib.ZSTD_compressStream2.restype = ctypes.c_size_t
        self.context = ctypes.c_void_p(self.lib.ZSTD_createCCtx())
        self.lib.ZSTD_CCtx_setParameter(self.context, 100, ctypes.c_int(level))
        self.inner = inner
        self.room = ctypes.create_string_buffer(1 << 20)

    def write(self, data, mode=0):
        data = bytes(data)
        source = self.Buffer(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data), 0)
        while True:
            target = self.Buffer(ctypes.addressof(self.room), len(self.room), 0)
            left = self.lib.ZSTD_compressStream2(self.context, ctypes.byref(target), ctypes.byref(source), mode)
            if self.lib.ZSTD_isError(ctypes.c_size_t(left)):
                sys.exit("zstd: compression failed")
            self.inner.write(self.room.raw[:target.pos])
            if source.pos == len(data) and (mode == 0 or left == 0):
                return len(data)

    def close(self):
        self.write(b"", 2)
        self.lib.ZSTD_freeCCtx(self.context)


class Layer:
    """A finished layer: the compressed blob in `file`, digests and size; `plain` is the tar itself."""

    def __init__(self, fill, compress, level):
        self.compress = compress
        self.file = tempfile.TemporaryFile()
        blob = HashingFile(self.file)
        if compress == "gzip":
            packer = gzip.GzipFile(filename="", mode="wb", fileobj=blob, mtime=0, compresslevel=level or 6)
        elif compress == "zstd":
            packer = ZstdWriter(blob, level or 3)
        else:
            packer = None
        plain = HashingFile(packer or blob)
        fill(plain)
        if packer:
            packer.close()
        self.file.flush()
        self.digest, self.size, self.diff_id, self.plain_size = blob.digest(), blob.size, plain.digest(), plain.size
        self.fill = fill


def tree_entries(root):
    """Paths below root, parents first, sorted."""
    for directory, names, files in os.walk(root):
        names.sort()
        links = [n for n in names if os.path.islink(os.path.join(directory, n))]
        for name in sorted(files + names):
            yield os.path.relpath(os.path.join(directory, name), root)
        for name in links:
            names.remove(name)


def tar_tree(root, out):
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 18) as tar:
        first = {}
        for path in sorted(tree_entries(root)):
            full = os.path.join(root, path)
            info = tar.gettarinfo(full, arcname=path)
            if info is None:  # a socket
                continue
            status = os.lstat(full)
            info.uname = info.gname = ""
            info.mtime = int(status.st_mtime)
            key = (status.st_dev, status.st_ino)
            if stat.S_ISREG(status.st_mode):
                info.type, info.linkname, info.size = tarfile.REGTYPE, "", status.st_size
                if status.st_nlink > 1 and key in first:
                    info.type, info.linkname, info.size = tarfile.LNKTYPE, first[key], 0
                first.setdefault(key, path)
            if info.type != tarfile.LNKTYPE:
                for name in sorted(os.listxattr(full, follow_symlinks=False)):
                    value = os.getxattr(full, name, follow_symlinks=False)
                    info.pax_headers["SCHILY.xattr." + name] = value.decode("utf-8", "surrogateescape")
            if info.isreg():
                with open(full, "rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)


def tar_busybox(binary, out):
    with open(binary, "rb") as file:
        program = file.read()
    if b"/ld-linux" in program[:8192] or b"/ld-musl" in program[:8192]:
        sys.exit(f"push_image: {binary} is not static (install busybox-static)")
    applets = subprocess.run([binary, "--list"], check=True, capture_output=True, text=True).stdout.split()
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        def add(name, mode, kind=tarfile.REGTYPE, data=b"", link=""):
            info = tarfile.TarInfo(name)
            info.mode, info.type, info.linkname, info.size = mode, kind, link, len(data)
            tar.addfile(info, io.BytesIO(data))

        for name in ("bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "usr/bin", "var", "var/www"):
            mode = {"tmp": 0o1777, "root": 0o700}.get(name, 0o755)
            add(name, mode, tarfile.DIRTYPE)
        add("bin/busybox", 0o755, data=program)
        for applet in sorted(set(applets) - {"busybox"}):
            add("bin/" + applet, 0o755, tarfile.LNKTYPE, link="bin/busybox")
        add("usr/bin/env", 0o755, tarfile.LNKTYPE, link="bin/busybox")
        add("etc/passwd", 0o644, data=PASSWD.encode())
        add("etc/group", 0o644, data=GROUP.encode())


def copy_file(path, out):
    with open(path, "rb") as file:
        while data := file.read(1 << 18):
            out.write(data)


def words(text):
    return json.loads(text) if text.lstrip().startswith("[") else shlex.split(text)


def make_config(args, layers, target):
    config = {}
    if args.env:
        config["Env"] = args.env
    if args.entrypoint is not None:
        config["Entrypoint"] = words(args.entrypoint)
    if args.cmd is not None:
        config["Cmd"] = words(args.cmd)
    for key, value in (("User", args.user), ("WorkingDir", args.workdir), ("StopSignal", args.stopsignal)):
        if value:
            config[key] = value
    if args.label:
        config["Labels"] = dict(item.split("=", 1) for item in args.label)
    if args.volume:
        config["Volumes"] = {item: {} for item in args.volume}
    document = {"created": "1970-01-01T00:00:00Z", "architecture": target[1], "os": target[0], "config": config,
                "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
                "history": [{"created": "1970-01-01T00:00:00Z", "created_by": f"layer {n}"} for n in range(len(layers))]}
    if len(target) > 2:
        document["variant"] = target[2]
    return json.dumps(document).encode()


def describe(media_type, data):
    return {"mediaType": media_type, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}


class Image:
    """Documents of one image: list of (descriptor, bytes) for configs and manifests, the top one last."""

    def __init__(self, args, layers, target):
        types = TYPES["docker" if args.docker else "oci"]
        self.layers, self.config = layers, make_config(args, layers, target)
        self.config_descriptor = describe(types["config"], self.config)
        manifest = {"schemaVersion": 2, "mediaType": types["manifest"], "config": self.config_descriptor,
                    "layers": [{"mediaType": types[layer.compress], "digest": layer.digest, "size": layer.size}
                               for layer in layers]}
        self.manifest = json.dumps(manifest).encode()
        self.descriptor = describe(types["manifest"], self.manifest)
        self.descriptor["platform"] = {"os": target[0], "architecture": target[1]}
        if len(target) > 2:
            self.descriptor["platform"]["variant"] = target[2]


class Registry:
    def __init__(self, args):
        self.args = args
        self.base = f"/v2/{args.name}"
        self.headers = {}
        if args.creds:
            self.headers["Authorization"] = "Basic " + base64.b64encode(args.creds.encode()).decode()
        if args.https:
            context = ssl.create_default_context(cafile=args.cafile) if args.cafile else ssl._create_unverified_context()
            self.connection = http.client.HTTPSConnection(args.registry, timeout=120, context=context)
        else:
            self.connection = http.client.HTTPConnection(args.registry, timeout=120)

    def request(self, method, path, body=None, headers=None, good=(200,)):
        self.connection.request(method, path, body=body, headers={**self.headers, **(headers or {})})
        response = self.connection.getresponse()
        text = response.read()
        if response.status not in good:
            sys.exit(f"push_image: {method} {path}: status {response.status}: {text[:300]!r}")
        return response

    def push_blob(self, digest, size, body):
        if self.request("HEAD", f"{self.base}/blobs/{digest}", good=(200, 404)).status == 200:
            return
        location = self.request("POST", f"{self.base}/blobs/uploads/", headers={"Content-Length": "0"}, good=(202,))
        where = urllib.parse.urlsplit(location.getheader("Location"))
        query = where.query + ("&" if where.query else "") + "digest=" + urllib.parse.quote(digest)
        body.seek(0)
        self.request("PUT", f"{where.path}?{query}", body, good=(201,),
                     headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"})

    def push_manifest(self, name, descriptor, data):
        self.request("PUT", f"{self.base}/manifests/{name}", data, {"Content-Type": descriptor["mediaType"]}, good=(201,))


def push(args, images, index):
    registry = Registry(args)
    for image in images:
        for layer in image.layers:
            registry.push_blob(layer.digest, layer.size, layer.file)
        registry.push_blob(image.config_descriptor["digest"], len(image.config), io.BytesIO(image.config))
        registry.push_manifest(image.descriptor["digest"], image.descriptor, image.manifest)
    top = (index and (describe(json.loads(index)["mediaType"], index), index)) or (images[-1].descriptor, images[-1].manifest)
    for tag in [args.tag] + args.also_tag:
        registry.push_manifest(tag, *top)


def tar_blob(tar, name, data, size=None):
    info = tarfile.TarInfo(name)
    info.mode = 0o644
    if isinstance(data, bytes):
        data, size = io.BytesIO(data), len(data)
    info.size = size
    data.seek(0)
    tar.addfile(info, data)


def oci_files(args, images, index):
    """(path, data or file, size) of an OCI layout."""
    seen = set()
    for image in images:
        blobs = [(layer.digest, layer.file, layer.size) for layer in image.layers]
        blobs += [(image.config_descriptor["digest"], image.config, len(image.config)),
                  (image.descriptor["digest"], image.manifest, len(image.manifest))]
        for digest, data, size in blobs:
            if digest not in seen:
                seen.add(digest)
                yield "blobs/sha256/" + digest.split(":")[1], data, size
    top = dict(images[-1].descriptor)
    if index:
        top = describe(json.loads(index)["mediaType"], index)
        yield "blobs/sha256/" + top["digest"].split(":")[1], index, len(index)
    tags = [args.tag] + args.also_tag
    entries = [{**top, "annotations": {"org.opencontainers.image.ref.name": full_name(args, tag)}} for tag in tags]
    document = json.dumps({"schemaVersion": 2, "mediaType": TYPES["oci"]["index"], "manifests": entries}).encode()
    yield "index.json", document, len(document)
    yield "oci-layout", b'{"imageLayoutVersion":"1.0.0"}', None


def full_name(args, tag):
    return (args.registry + "/" if args.registry else "") + f"{args.name}:{tag}"


def open_archive(path):
    if path.endswith(".gz"):
        return tarfile.open(fileobj=gzip.GzipFile(path, "wb", mtime=0), mode="w|", format=tarfile.PAX_FORMAT)
    return tarfile.open(path, "w", format=tarfile.PAX_FORMAT)


def write_oci_archive(args, images, index, path):
    with open_archive(path) as tar:
        for name, data, size in oci_files(args, images, index):
            tar_blob(tar, name, data, size)
        outer = tar.fileobj
    close_gzip(outer)


def close_gzip(stream):
    inner = getattr(stream, "fileobj", None)  # tarfile's "w|" wraps the GzipFile and leaves it open
    if isinstance(inner, gzip.GzipFile):
        inner.close()


def write_oci_layout(args, images, index, directory):
    for name, data, _ in oci_files(args, images, index):
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            if isinstance(data, bytes):
                out.write(data)
            else:
                data.seek(0)
                while piece := data.read(1 << 18):
                    out.write(piece)


def write_docker_archive(args, images, path):
    image = images[-1]
    with open_archive(path) as tar:
        names = []
        for layer in image.layers:
            name = layer.diff_id.split(":")[1] + "/layer.tar"
            if name not in names:
                with tempfile.TemporaryFile() as plain:
                    layer.fill(plain)
                    tar_blob(tar, name, plain, layer.plain_size)
            names.append(name)
        config = image.config_descriptor["digest"].split(":")[1] + ".json"
        tar_blob(tar, config, image.config)
        tags = [full_name(args, tag) for tag in [args.tag] + args.also_tag]
        tar_blob(tar, "manifest.json", json.dumps([{"Config": config, "RepoTags": tags, "Layers": names}]).encode())
        outer = tar.fileobj
    close_gzip(outer)


class AddLayer(argparse.Action):
    def __call__(self, parser, namespace, values, option=None):
        namespace.layers = (namespace.layers or []) + [(self.dest, values)]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(layers=None)
    parser.add_argument("--rootfs", action=AddLayer)
    parser.add_argument("--tar", action=AddLayer)
    parser.add_argument("--busybox", action=AddLayer, nargs="?", const="/bin/busybox")
    for name in ("registry", "cafile", "creds", "out-oci-archive", "out-oci-layout", "out-docker-archive",
                 "entrypoint", "cmd", "user", "workdir", "stopsignal"):
        parser.add_argument("--" + name)
    for name in ("env", "label", "volume", "also-tag"):
        parser.add_argument("--" + name, action="append", default=[])
    for name in ("https", "docker", "oci", "index"):
        parser.add_argument("--" + name, action="store_true")
    parser.add_argument("--name", default="library/image")
    parser.add_argument("--tag", default="latest")
    parser.add_argument("--compress", choices=("gzip", "none", "zstd"), default="gzip")
    parser.add_argument("--level", type=int)
    machine = platform.machine()
    parser.add_argument("--platform", default="linux/" + MACHINES.get(machine, machine))
    args = parser.parse_args()
    if not args.layers:
        parser.error("no layer: give --rootfs, --tar or --busybox")
    return args


def main():
    args = parse_arguments()
    fillers = {"rootfs": tar_tree, "tar": copy_file, "busybox": tar_busybox}
    layers = [Layer(lambda out, kind=kind, value=value: fillers[kind](value, out), args.compress, args.level)
              for kind, value in args.layers]
    target = args.platform.split("/")
    images, index = [Image(args, layers, target)], None
    if args.index:
        images.insert(0, Image(args, layers, ["linux", "s390x" if target[1] != "s390x" else "amd64"]))
        images.insert(1, Image(args, layers, ["unknown", "unknown"]))
        index = json.dumps({"schemaVersion": 2, "mediaType": TYPES["docker" if args.docker else "oci"]["index"],
                            "manifests": [image.descriptor for image in images]}).encode()
    if args.registry:
        push(args, images, index)
    if args.out_oci_archive:
        write_oci_archive(args, images, index, args.out_oci_archive)
    if args.out_oci_layout:
        write_oci_layout(args, images, index, args.out_oci_layout)
    if args.out_docker_archive:
        write_docker_archive(args, images, args.out_docker_archive)
    print("manifest", images[-1].descriptor["digest"])
    print("config", images[-1].config_descriptor["digest"])
    if index:
        print("index", describe("", index)["digest"])
    for layer in layers:
        print("layer", layer.digest, "diff", layer.diff_id, "size", layer.size)


if __name__ == "__main__":
    main()
