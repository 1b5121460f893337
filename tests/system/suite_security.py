# SPDX-License-Identifier: Apache-2.0
"""Namespaces, seccomp, mounts."""
import json
import os
import subprocess

from harness import check, contains, equal, refused, test, write


def security(**more):
    return {"linux": {"security_context": more}}


def modes(**more):
    return security(namespace_options=more)


@test("seccomp: RuntimeDefault refuses unshare and keyctl, Unconfined does not")
def _(node):
    script = "unshare -U true 2>&1 && echo allowed; grep Seccomp: /proc/self/status"
    with node.run_pod() as pod:
        text = pod.sh(script, **security(seccomp={"profile_type": "RuntimeDefault"}))
        check("allowed" not in text, text)
        equal(text.split()[-1], "2", "seccomp mode")
        text = pod.sh(script, **security(seccomp={"profile_type": "Unconfined"}))
        contains(text, "allowed")
        equal(text.split()[-1], "0", "seccomp mode")


@test("seccomp: a Localhost profile is applied, with its errno")
def _(node):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
               "syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
    path = node.dir + "/seccomp/profile.json"
    write(path, json.dumps(profile))
    with node.run_pod() as pod:
        chosen = security(seccomp={"profile_type": "Localhost", "localhost_ref": path})
        contains(pod.sh("hostname other 2>&1; true", **chosen), "No space left on device")


@test("seccomp: with no_new_privs and another user the filter is in place as well")
def _(node):
    with node.run_pod() as pod:
        chosen = security(seccomp={"profile_type": "RuntimeDefault"}, no_new_privs=True, run_as_user={"value": 1000})
        equal(pod.sh("grep Seccomp: /proc/self/status", **chosen).split()[-1], "2")


@test("seccomp: a profile that is not there or not JSON is refused with its path")
def _(node):
    write(node.dir + "/seccomp/bad.json", "{")
    with node.run_pod() as pod:
        for name in ("absent.json", "bad.json"):
            chosen = {"profile_type": "Localhost", "localhost_ref": f"{node.dir}/seccomp/{name}"}
            try:
                pod.create(["true"], **security(seccomp=chosen))
            except Exception as error:
                contains(str(error), name)
            else:
                raise AssertionError("accepted")


@test("PID namespaces: a container's own, the pod's, the node's")
def _(node):
    with node.run_pod(**modes(pid="CONTAINER")) as pod:
        equal(pod.sh("echo $$", **modes(pid="CONTAINER")), "1\n")
    with node.run_pod(**modes(pid="POD")) as pod:
        other = pod.start(["sleep", "4321"], **modes(pid="POD"))
        contains(pod.sh("ps | grep -v grep", **modes(pid="POD")), "sleep 4321")
        check(pod.sh("echo $$", **modes(pid="POD")) != "1\n", "PID 1 of a shared namespace")
        other.remove()
    with node.run_pod(**modes(pid="NODE")) as pod:
        contains(pod.sh("cat /proc/*/comm | sort -u", **modes(pid="NODE")), "berthd")


@test("PID namespaces: a container can join another one's")
def _(node):
    with node.run_pod(**modes(pid="CONTAINER")) as pod:
        target = pod.start(["sleep", "4322"], **modes(pid="CONTAINER"))
        text = pod.sh("ps", **modes(pid="TARGET", target_id=target.id))
        contains(text, "sleep 4322")


@test("a pod's shared PID namespace reaps orphans")
def _(node):
    with node.run_pod(**modes(pid="POD")) as pod:
        container = pod.start(["sh", "-c", "(sleep 0.1 &) ; sleep 1000"], **modes(pid="POD"))
        container.exec("sleep", "0.5")
        text = container.exec("ps", "-o", "stat,comm").out
        check(" Z" not in text and "\nZ" not in text, text)


@test("IPC namespaces: shared in the pod, or the node's")
def _(node):
    with node.run_pod() as pod:
        writer = pod.start(["sh", "-c", "echo shared >/dev/shm/file; sleep 1000"])
        writer.exec("sleep", "0.1")
        equal(pod.sh("cat /dev/shm/file; readlink /proc/self/ns/ipc").splitlines()[0], "shared")
        check(pod.sh("readlink /proc/self/ns/ipc").strip() != os.readlink("/proc/self/ns/ipc"), "the node's namespace")
    with node.run_pod(**modes(ipc="NODE")) as pod:
        equal(pod.sh("readlink /proc/self/ns/ipc", **modes(ipc="NODE")).strip(), os.readlink("/proc/self/ns/ipc"))


@test("network namespaces: the pod's, or the node's")
def _(node):
    with node.run_pod() as pod:
        own = pod.sh("readlink /proc/self/ns/net")
        equal(pod.sh("readlink /proc/self/ns/net"), own, "the second container's namespace")
        check(own.strip() != os.readlink("/proc/self/ns/net"), "the node's namespace")
    with node.run_pod(**modes(network="NODE")) as pod:
        equal(pod.sh("readlink /proc/self/ns/net", **modes(network="NODE")).strip(), os.readlink("/proc/self/ns/net"))


@test("bind mounts are there, read-only where that is asked for, of files as well")
def _(node):
    write(node.dir + "/volume/file", "content")
    volume = node.dir + "/volume"
    with node.run_pod() as pod:
        text = pod.sh("cat /v/file /f; echo new >/v/new; touch /ro/x 2>&1; true",
                      mounts=[{"container_path": "/v", "host_path": volume},
                              {"container_path": "/ro", "host_path": volume, "readonly": True},
                              {"container_path": "/f", "host_path": volume + "/file"}])
        contains(text, "contentcontent")
        contains(text, "Read-only file system")
        with open(volume + "/new") as file:
            equal(file.read(), "new\n")


@test("a nested mount path follows its parent, whatever the order")
def _(node):
    write(node.dir + "/outer/o", "")
    write(node.dir + "/inner/i", "")
    with node.run_pod() as pod:
        text = pod.sh("ls /m /m/sub", mounts=[{"container_path": "/m/sub", "host_path": node.dir + "/inner"},
                                              {"container_path": "/m", "host_path": node.dir + "/outer"}])
        check("i" in text.split() and "o" in text.split(), text)


@test("mount propagation: private, host to container, both ways")
def _(node):
    base = node.dir + "/propagation"
    os.makedirs(base + "/a", exist_ok=True)
    os.makedirs(base + "/b", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "--make-shared", "tmpfs", base], check=True)
    try:
        for name in ("early", "b"):
            os.makedirs(f"{base}/{name}", exist_ok=True)
        privileged = security(privileged=True)
        with node.run_pod(**privileged) as pod:
            def container(mode):
                return pod.start(["sleep", "1000"], mounts=[{"container_path": "/p", "host_path": base, "propagation": mode}],
                                 **privileged)
            private, follower, both = (container("PROPAGATION_" + mode) for mode in ("PRIVATE", "HOST_TO_CONTAINER", "BIDIRECTIONAL"))
            subprocess.run(["mount", "-t", "tmpfs", "host", base + "/early"], check=True)
            sees = [c.exec("grep", "-c", " /p/early ", "/proc/mounts").out.strip() for c in (private, follower, both)]
            equal(sees, ["0", "1", "1"], "the host's mount in the three containers")
            equal(both.exec("mount", "-t", "tmpfs", "inside", "/p/b").code, 0)
            with open("/proc/self/mountinfo") as file:
                contains(file.read(), f" {base}/b ", "the node's mounts")
            subprocess.run(["umount", base + "/b"], check=True)
    finally:
        subprocess.run(["umount", "-R", "-l", base])


@test("a symbolic link in the image cannot lead a mount out of the root")
def _(node):
    directory = node.dir + "/climber"
    os.makedirs(directory + "/bin", exist_ok=True)
    if not os.path.lexists(directory + "/out"):
        os.symlink("../../../../../../../..", directory + "/out")
    node.registry.push("--busybox", "--rootfs", directory, "--name", "climber", "--tag", "1")
    image = node.image.split("/")[0] + "/climber:1"
    node.pull(image)
    write(node.dir + "/volume/file", "content")
    name = f"berth-climbed-{os.getpid()}"
    with node.run_pod() as pod:
        text = pod.output(["/bin/sh", "-c", f"/bin/cat /out/{name}/file"], image_name=image,
                          mounts=[{"container_path": f"/out/{name}", "host_path": node.dir + "/volume"}])
        equal(text, "content")
    check(not os.path.lexists("/" + name), "made outside of the root")


@test("a device given to a container is there, with its permissions")
def _(node):
    with node.run_pod() as pod:
        devices = [{"host_path": "/dev/null", "container_path": "/dev/mine", "permissions": "rw"}]
        equal(pod.sh("test -c /dev/mine && echo x >/dev/mine && echo fine", devices=devices), "fine\n")


@test("bad namespaces are refused")
def _(node):
    config = node.pod_config(**modes(pid="TARGET"))
    refused("INVALID_ARGUMENT", ["pid"], node.cri.RunPodSandbox, config=config)
