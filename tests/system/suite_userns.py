# SPDX-License-Identifier: Apache-2.0
"""Pods in user namespaces: what is root inside is nobody in particular outside."""
import json
import os

from harness import check, contains, equal, refused, test, write

FIRST, COUNT = 200_000, 65_536


def ranges(first=FIRST, count=COUNT, inside=0):
    return [{"host_id": first, "container_id": inside, "length": count}]


def wish(mode="POD", uids=None, gids=None, **modes):
    options = {"mode": mode, "uids": ranges() if uids is None else uids, "gids": ranges() if gids is None else gids}
    return {"linux": {"security_context": {"namespace_options": {"userns_options": options, **modes}}}}


def supported(node):
    status = node.cri.Status(verbose=False)
    return all(handler.get("features", {}).get("user_namespaces") for handler in status["runtime_handlers"])


def userns(sentence):
    """On a kernel without them the same pods are refused, with the reason."""
    def register(function):
        @test(sentence)
        def _(node):
            if supported(node):
                return function(node)
            return refused("FAILED_PRECONDITION", ["id"], node.run_pod, **wish())
        return function
    return register


def host_status(container):
    pid = json.loads(container.status(verbose=True)["info"]["info"])["pid"]
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@userns("root in the container has other ids on the host, and all its capabilities are the namespace's")
def _(node):
    with node.run_pod(**wish()) as pod:
        container = pod.start(["sleep", "1000"], **wish())
        equal(host_status(container)["Uid"].split(), [str(FIRST)] * 4)
        equal(host_status(container)["Gid"].split(), [str(FIRST)] * 4)
        equal(container.exec("cat", "/proc/self/uid_map").out.split(), ["0", str(FIRST), str(COUNT)])
        equal(container.exec("id", "-u").out.strip(), "0")
        equal(container.exec("hostname").out, pod.sh("hostname", **wish()))


@userns("files of the image belong inside to whom they belong in the image, new ones outside to the namespace's ids")
def _(node):
    with node.run_pod(**wish()) as pod:
        container = pod.start(["sleep", "1000"], **wish())
        equal(container.exec("stat", "-c", "%u:%g", "/", "/bin/busybox", "/etc/passwd").out, "0:0\n" * 3)
        container.exec("sh", "-c", "echo x > /new; chown 33:33 /new; echo y >> /etc/passwd")
        upper = f"{node.root}/snapshots/{container.id}/upper"
        new = os.stat(upper + "/new")
        equal((new.st_uid, new.st_gid), (FIRST + 33, FIRST + 33))
        equal(os.stat(upper + "/etc/passwd").st_uid, FIRST)


@userns("a container reads, writes and owns the pod's files and its shared memory")
def _(node):
    with node.run_pod(**wish()) as pod:
        text = pod.sh("stat -c '%n %u' /etc/hosts /etc/hostname /etc/resolv.conf /dev/shm; echo '# x' >> /etc/hosts && "
                      "echo z > /dev/shm/z && cat /dev/shm/z", **wish())
        equal(text, "/etc/hosts 0\n/etc/hostname 0\n/etc/resolv.conf 0\n/dev/shm 0\nz\n")


@userns("a user of the image runs as that user, with its groups, inside and outside")
def _(node):
    with node.run_pod(**wish()) as pod:
        user = {"linux": {"security_context": {"run_as_user": {"value": 1000}, "run_as_group": {"value": 2000},
                                               "supplemental_groups": [3000]}}}
        container = pod.start(["sh", "-c", "id; echo said; exec sleep 1000"], **user)
        equal(host_status(container)["Uid"].split()[0], str(FIRST + 1000))
        equal(host_status(container)["Groups"].split(), [str(FIRST + 2000), str(FIRST + 3000)])
        contains(container.exec("id").out, "uid=1000 gid=2000 groups=2000,3000")


@userns("the network namespace is the pod's own: its root may set it up")
def _(node):
    with node.run_pod(**wish()) as pod:
        admin = {"linux": {"security_context": {"capabilities": {"add_capabilities": ["NET_ADMIN"]}}}}
        text = pod.sh("ip link add br9 type bridge && ip link show br9 && ip addr show eth0", **admin)
        contains(text, "br9")
        contains(text, pod.ip())


@userns("containers share the pod's PID namespace, and see only that")
def _(node):
    shared = wish(pid="POD")
    with node.run_pod(**shared) as pod:
        pod.start(["sleep", "4711"], **shared)
        text = pod.sh("ps", **shared)
        contains(text, "sleep 4711")
        check("berthd" not in text, text)


@userns("a volume with mappings shows its files as they are on the host; without, they are nobody's")
def _(node):
    volume = node.dir + "/volume"
    write(volume + "/file", "content\n")
    os.chown(volume + "/file", 7, 8)
    mapped = {"container_path": "/mapped", "host_path": volume, "uidMappings": ranges(), "gidMappings": ranges()}
    with node.run_pod(**wish()) as pod:
        mounts = [mapped, {"container_path": "/plain", "host_path": volume}]
        text = pod.sh("stat -c '%n %u:%g' /mapped/file /plain/file; echo new > /mapped/new", mounts=mounts)
        equal(text, "/mapped/file 7:8\n/plain/file 65534:65534\n")
    equal(os.stat(volume + "/new").st_uid, 0)


@userns("sysctls are set in the pod's namespaces, and a range of groups is its own")
def _(node):
    sysctls = {"net.ipv4.ping_group_range": "0 2147483647", "net.ipv4.ip_unprivileged_port_start": "99",
               "kernel.shm_rmid_forced": "1"}
    pod_wish = wish()
    pod_wish["linux"]["sysctls"] = sysctls
    with node.run_pod(**pod_wish) as pod:
        text = pod.sh("cd /proc/sys; cat net/ipv4/ping_group_range net/ipv4/ip_unprivileged_port_start kernel/shm_rmid_forced")
        equal(text.split(), ["0", str(COUNT - 1), "99", "1"])


@userns("after a restart of the daemon the pod takes more containers, into the same namespace")
def _(node):
    with node.run_pod(**wish()) as pod:
        container = pod.start(["sleep", "1000"], **wish())
        before = container.exec("readlink", "/proc/self/ns/user").out
        node.restart()
        equal(container.exec("readlink", "/proc/self/ns/user").out, before)
        equal(pod.sh("readlink /proc/self/ns/user"), before)


@test("user namespaces: wishes that cannot be are refused by name")
def _(node):
    two = ranges() + ranges(first=FIRST + COUNT, inside=COUNT)
    for case, words in ((wish(uids=two), "exactly one"), (wish(uids=[], gids=[]), "exactly one"),
                        (wish(uids=ranges(inside=1), gids=ranges(inside=1)), "begin with 0"),
                        (wish(uids=ranges(count=10)), "equally long"), (wish(mode="CONTAINER"), "POD or NODE"),
                        (wish(mode="TARGET"), "POD or NODE"), (wish(network="NODE"), "of the host"),
                        (wish(uids=ranges(count=0), gids=ranges(count=0)), "uids")):
        refused("INVALID_ARGUMENT", [words], node.run_pod, **case)
    with node.run_pod() as pod:
        refused("INVALID_ARGUMENT", ["those of the pod sandbox"], pod.create, ["true"], **wish())
