# SPDX-License-Identifier: Apache-2.0
"""berthctl, which the demo stands on."""
import hashlib
import json
import os
import pty
import subprocess
import sys

from cri import RpcError
from harness import BUILD, IMAGE, SOURCE, check, contains, equal, test, wait_until, write


def last_line(text):
    return text.strip().splitlines()[-1]


@test("check, version and config check")
def _(node):
    node.ctl("version")
    node.ctl("config", "check", node.dir + "/berth.toml")
    config = node.dir + "/check.toml"
    write(config, f'[network]\nconf_dir = "{node.cni_conf}"\nbin_dirs = ["/usr/lib/cni"]\n')
    check("✓ system call openat2" in node.ctl("--config", config, "check"), "no line per requirement")
    write(config, '[network]\nconf_dir = "/nowhere"\n')
    told = node.ctl("--config", config, "check", check_status=False)
    check("✗ no CNI configuration in /nowhere" in told and "->" in told, f"no remedy in {told}")


@test("the life of a pod")
def _(node):
    pod_file, container_file = node.dir + "/ctl-pod.json", node.dir + "/ctl-container.json"
    config = node.pod_config("ctl")
    write(pod_file, json.dumps(config))
    write(container_file, json.dumps({"metadata": {"name": "main"}, "image": {"image": IMAGE}, "log_path": "main.log",
                                      "command": ["sh", "-c", "echo started; sleep 1000"], "linux": {}}))
    pod = last_line(node.ctl("pod", "run", pod_file))
    equal([item["id"] for item in node.cri.ListPodSandbox()["items"]], [pod])
    contains(node.ctl("pod", "list"), pod[:12])
    contains(node.ctl("pod", "status", pod), pod)
    container = last_line(node.ctl("container", "create", pod, container_file, pod_file))
    node.ctl("container", "start", container)
    contains(node.ctl("container", "list"), container[:12])
    contains(node.ctl("container", "status", container).lower(), "running")
    equal(node.ctl("exec", container, "--", "echo", "in there"), "in there\n")
    wait_until(lambda: container[:12] in node.ctl("stats"), what="statistics")
    node.ctl("container", "stop", container)
    node.ctl("container", "rm", container)
    node.ctl("pod", "stop", pod)
    node.ctl("pod", "rm", pod)
    equal(node.cri.ListPodSandbox().get("items", []), [])


@test("an image is imported from an OCI archive, a layout and a docker archive, and runs")
def _(node):
    push = ["python3", SOURCE + "/tests/support/push_image.py", "--busybox", "--tag", "1", "--env", "PATH=/bin"]
    for kind in ("oci-archive", "oci-layout", "docker-archive"):
        path, name = f"{node.dir}/import.{kind}", f"example.test/{kind}"
        node.run(*push, "--name", name, "--out-" + kind, path)
        node.ctl("image", "import", path)
        contains(node.ctl("image", "list"), name)
        with node.run_pod() as pod:
            equal(pod.sh("echo fine", image_name=name + ":1"), "fine\n")
        node.ctl("image", "rm", name + ":1")


@test("an archive that is none is refused with its path")
def _(node):
    path = node.dir + "/garbage.tar"
    write(path, "garbage")
    try:
        node.ctl("image", "import", path)
    except AssertionError as error:
        contains(str(error), path)
    else:
        raise AssertionError("imported")


@test("image resolve shows where an image would come from, and no secret")
def _(node):
    auth, certs = node.dir + "/auth.json", node.dir + "/certs.d/registry.example"
    os.makedirs(certs)
    write(certs + "/hosts.toml", 'server = "https://registry.example"\n[host."https://mirror.example:5000/x"]\n')
    write(auth, json.dumps({"auths": {"registry.example/team": {"username": "me", "password": "s3cret"}}}))
    told = node.ctl("image", "resolve", "registry.example/team/app:1")
    equal(told, "registry.example/team/app:1\n"
          "  https://mirror.example:5000/x/v2/team/app\n    mirror\n    ns=registry.example\n"
          f"    from {certs}/hosts.toml\n    credentials: none\n"
          f"  https://registry.example/v2/team/app\n    from {certs}/hosts.toml\n    credentials: {auth}\n")
    os.remove(auth)
    os.remove(certs + "/hosts.toml")


@test("a pull that reaches no registry says so in the kubelet's word, and spends the namespace's credentials")
def _(node):
    image, auth = "127.0.0.1:1/x:1", node.dir + "/auth"
    os.makedirs(auth)
    left = f"{auth}/{node.pod_config('pull')['metadata']['namespace']}-{hashlib.sha256(image.encode()).hexdigest()}.json"
    write(left, '{"auths": {}}')
    try:
        node.cri.PullImage(image={"image": image}, sandbox_config=node.pod_config("pull"))
    except RpcError as failed:
        equal(failed.code, "UNKNOWN")
        check(failed.message.startswith("RegistryUnavailable: "), failed.message)
    else:
        raise AssertionError("pulled")
    check(not os.path.exists(left) and os.listdir(auth + "/in-use") == [], "the credentials are still there")


@test("a pull in flight is seen by a bar per layer and in ImageStatus, and ends with the last who waits for it")
def _(node):
    faults = subprocess.Popen([sys.executable, SOURCE + "/tests/support/fault_registry.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    terminal, other_end = pty.openpty()
    try:
        host = "127.0.0.1:" + faults.stdout.readline().split()[0]
        os.makedirs(node.dir + "/registries.conf.d", exist_ok=True)
        write(node.dir + "/registries.conf.d/faults.conf", f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
        image = host + "/stall:latest"

        def layers():
            info = node.cri.ImageStatus(image={"image": image}, verbose=True).get("info", {})
            return json.loads(info.get("pull", "{}")).get("layers", [])
        puller = subprocess.Popen([BUILD + "/bin/berthctl", "--socket", node.socket, "image", "pull", image], stderr=other_end)
        os.close(other_end)
        wait_until(lambda: any(layer["fetched"] > 0 for layer in layers()), what="progress of the pull")
        equal([layer["state"] for layer in layers()], ["fetching"])
        seen = b""
        while b"0 of 1 layers" not in seen:
            seen += os.read(terminal, 4096)
        check(b"[=" in seen or b"[ " in seen, f"no bar in {seen}")
        puller.kill()
        puller.wait()
        wait_until(lambda: not layers(), what="end of the pull that nobody waits for")
        wait_until(lambda: 'berth_image_pulls_total{label="cancelled"} ' in node.ctl("info"), what="the pull among the counters")
    finally:
        os.close(terminal)
        faults.kill()
        faults.wait()
        os.remove(node.dir + "/registries.conf.d/faults.conf")


@test("smoke runs one pod end to end")
def _(node):
    node.ctl("smoke", "--image", IMAGE)
    equal(node.cri.ListPodSandbox().get("items", []), [])
