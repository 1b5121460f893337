# SPDX-License-Identifier: Apache-2.0
"""What a virtual node is made of, from the Debian mirror that apt is set up with: a root image with
systemd, and kernels. All are built once and kept in the cache directory."""
import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = (os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) + "/berth/node"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
USER_MODE_SUITE = "sid"  # the first release of Debian whose user-mode-linux guards system calls with seccomp
CLOUD_SUITE = "trixie"
IMAGE_SIZE = "1500M"

PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "apparmor", "kmod", "procps", "util-linux", "e2fsprogs", "iproute2", "iptables",
    "selinux-policy-default", "policycoreutils", "selinux-utils",
    # What the tests use.
    "python3", "busybox-static", "docker-registry", "containernetworking-plugins", "jq", "zstd", "strace",
    "runc", "crun",
    "podman", "conmon", "xfsprogs", "quota",
    # Libraries that our programs link.
    "libgrpc++1.51", "libprotobuf32", "libseccomp2", "libcap2", "libapparmor1", "libtomlplusplus3", "libsqlite3-0",
    "libcurl4", "libssl3", "libisal2", "libzstd1", "zlib1g", "libyaml-0-2",
]


class Unavailable(Exception):
    """This machine cannot have a virtual node; the text says why."""


def say(text):
    print(f"node: {text}", flush=True)


def run(*command, **more):
    """The command's output; its last lines are the reason when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, **more)
    if done.returncode:
        lines = "; ".join(done.stdout.strip().splitlines()[-3:])
        raise Unavailable(f"{command[0]} ended with status {done.returncode}: {lines}")
    return done.stdout


def need(program, package):
    if not shutil.which(program):
        raise Unavailable(f"{program} is not installed (package {package}): run ./dev setup")


def release():
    """The code name of this Debian: a node has the libraries that our programs were built with."""
    with open("/etc/os-release") as file:
        fields = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    if fields.get("ID") != "debian":
        raise Unavailable("this is not a Debian system")
    return fields["VERSION_CODENAME"]


def mirror():
    """Where apt gets Debian from."""
    need("apt-get", "apt")
    wanted = "$(ORIGIN)|$(CODENAME)|$(REPO_URI)"
    lines = run("apt-get", "indextargets", "--format", wanted, "Created-By: Packages").splitlines()
    for line in lines:
        origin, suite, uri = line.split("|", 2)
        if origin == "Debian" and suite == release():
            return uri
    raise Unavailable("apt has no lists of a Debian mirror: run apt-get update")


def source_line(suite):
    signed = f"[signed-by={KEYRING}] " if os.path.exists(KEYRING) else ""
    return f"deb {signed}{mirror()} {suite} main\n"


@contextlib.contextmanager
def workshop(name):
    """A directory in the cache that is renamed to `name` when its maker is done; gone if that fails."""
    os.makedirs(CACHE, exist_ok=True)
    directory = tempfile.mkdtemp(prefix=name + ".", dir=CACHE)
    try:
        yield directory
        os.chmod(directory, 0o755)
        os.rename(directory, f"{CACHE}/{name}")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def locked():
    """One builder at a time."""
    os.makedirs(CACHE, exist_ok=True)
    with open(CACHE + "/lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove_others(pattern, current):
    for path in glob.glob(f"{CACHE}/{pattern}"):
        if os.path.basename(path) != current:
            shutil.rmtree(path, ignore_errors=True)


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def root_image():
    """The path of the root image, built if it is not there."""
    with open(HERE + "/build_root.sh") as file:
        recipe = file.read()
    name = "root-" + digest(release(), IMAGE_SIZE, recipe, *PACKAGES)
    image = f"{CACHE}/{name}/root.img"
    with locked():
        if not os.path.exists(image):
            need("mmdebstrap", "mmdebstrap")
            began = time.monotonic()
            say(f"building a Debian {release()} root of {len(PACKAGES)} packages (once; about two minutes)")
            with workshop(name) as directory:
                # A mount namespace of its own: the tree is built in memory and gone with its last process.
                run("unshare", "-m", "-p", "--fork", "--kill-child", "--propagation", "private", "sh",
                    HERE + "/build_root.sh", directory, release(), source_line(release()).strip(), ",".join(PACKAGES),
                    IMAGE_SIZE)
            say(f"the root is built, in {time.monotonic() - began:.0f} s")
        remove_others("root-*", name)
    return image


def user_mode_kernel():
    """The directory of user-mode-linux: usr/bin/linux.uml, the C library that it needs, and its modules."""
    return _kernel("user-mode-linux", USER_MODE_SUITE, _fetch_user_mode)


def cloud_kernel():
    """The directory of a kernel for emulated machines: boot/vmlinuz and modules."""
    return _kernel("cloud-kernel", CLOUD_SUITE, _fetch_cloud)


def _kernel(what, suite, fetch):
    name = f"{what}-" + digest(suite, "2")
    with locked():
        if not os.path.exists(f"{CACHE}/{name}"):
            say(f"fetching the {what} of Debian {suite} (once)")
            with workshop(name) as directory, _packages_of(suite) as apt:
                fetch(apt, directory)
        remove_others(f"{what}-*", name)
    return f"{CACHE}/{name}"


@contextlib.contextmanager
def _packages_of(suite):
    """A function that runs an apt program on another suite: with lists of its own, whose signatures it checks."""
    with tempfile.TemporaryDirectory() as work:
        for part in ("state/lists/partial", "cache/archives/partial"):
            os.makedirs(f"{work}/{part}")
        with open(work + "/sources.list", "w") as file:
            file.write(source_line(suite))
        with open(work + "/state/status", "w"):
            pass  # nothing is installed: dependencies are all that there are
        options = [f"-oDir::State={work}/state", f"-oDir::State::status={work}/state/status", f"-oDir::Cache={work}/cache",
                   f"-oDir::Etc::sourcelist={work}/sources.list", "-oDir::Etc::sourceparts=/dev/null", "-oAPT::Sandbox::User=root", "-oAcquire::Languages=none"]

        def apt(program, *arguments):
            return run(program, "-q", *options, *arguments, cwd=work)
        apt("apt-get", "update")
        yield apt, work


def fetch(directory, suite, *packages):
    """Unpacks packages of another suite and all that they depend on."""
    with _packages_of(suite) as (apt, work):
        apt("apt-get", "-y", "--no-install-recommends", "--download-only", "install", *packages)
        _unpack_all(work + "/cache/archives", directory)


def _unpack(apt, directory, *packages):
    program, work = apt
    program("apt-get", "download", *packages)
    _unpack_all(work, directory)


def _unpack_all(where, directory):
    for package in glob.glob(where + "/*.deb"):
        run("dpkg-deb", "-x", package, directory)


def _fetch_user_mode(apt, directory):
    _unpack(apt, directory, "user-mode-linux", "libc6")
    version, = os.listdir(directory + "/usr/lib/uml/modules")
    _arrange_modules(directory, f"{directory}/usr/lib/uml/modules/{version}", version)


def _fetch_cloud(apt, directory):
    # The package of that name only names the newest.
    depends = apt[0]("apt-cache", "depends", "linux-image-cloud-amd64")
    newest, = [line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line]
    _unpack(apt, directory, newest)
    version = newest.removeprefix("linux-image-")
    os.rename(f"{directory}/boot/vmlinuz-{version}", directory + "/vmlinuz")
    _arrange_modules(directory, f"{directory}/usr/lib/modules/{version}", version)


def _arrange_modules(directory, modules, version):
    """As DIRECTORY/node/lib/modules, where a node mounts them or a job brings them from."""
    need("depmod", "kmod")
    os.makedirs(directory + "/node/lib/modules")
    os.rename(modules, f"{directory}/node/lib/modules/{version}")
    run("depmod", "-b", directory + "/node", version)
