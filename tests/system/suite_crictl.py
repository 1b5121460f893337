# SPDX-License-Identifier: Apache-2.0
"""crictl, unmodified, as a node's administrator uses it."""
import json
import subprocess

from harness import IMAGE, check, contains, equal, need, test, wait_until, write


def pod_file(node, name, **more):
    path = f"{node.dir}/{name}.json"
    write(path, json.dumps(node.pod_config(name, **more)))
    return path


def container_file(node, name, command, **more):
    path = f"{node.dir}/{name}.container.json"
    config = {"metadata": {"name": name}, "image": {"image": IMAGE}, "command": command, "log_path": name + ".log", "linux": {}}
    write(path, json.dumps({**config, **more}))
    return path


def show(node, verb, *arguments):
    return json.loads(node.crictl(verb, "-o", "json", *arguments))


@test("version, info and the absence of anything")
def _(node):
    contains(node.crictl("version"), "RuntimeApiVersion:  v1")
    conditions = show(node, "info")["status"]["conditions"]
    equal({item["type"]: item["status"] for item in conditions if item["type"].endswith("Ready")},
          {"RuntimeReady": True, "NetworkReady": True})
    equal(show(node, "pods")["items"] or [], [])
    equal(show(node, "ps", "-a")["containers"] or [], [])


@test("pull, images, inspecti, rmi")
def _(node):
    reference = "127.0.0.1:5000/crictl/image:7"
    node.registry.push("--busybox", "--name", "crictl/image", "--tag", "7", "--env", "A=crictl")
    contains(node.crictl("pull", reference), "Image is up to date for ")
    # crictl's own answer, in the names of the CRI's JSON form
    mine = [image for image in show(node, "images")["images"] if reference in image["repoTags"]]
    equal(len(mine), 1, "images of that name")
    check(mine[0]["id"].startswith("sha256:"), mine[0]["id"])
    equal(show(node, "inspecti", reference)["status"]["id"], mine[0]["id"])
    by_digest = mine[0]["repoDigests"][0]
    equal(show(node, "inspecti", by_digest)["status"]["id"], mine[0]["id"])
    node.crictl("rmi", reference)
    equal([image for image in show(node, "images")["images"] if reference in image["repoTags"]], [])
    node.crictl("pull", by_digest)
    node.crictl("rmi", by_digest)


@test("the life of a pod: runp, pods, inspectp, create, start, ps, inspect, exec, stats, update, stop, rm, stopp, rmp")
def _(node):
    sandbox = pod_file(node, "life", labels={"app": "life"})
    pod = node.crictl("runp", sandbox).strip()
    equal([item["id"] for item in show(node, "pods", "--label", "app=life")["items"]], [pod])
    contains(node.crictl("pods"), "Ready")
    inspected = show(node, "inspectp", pod)["status"]
    equal((inspected["state"], inspected["metadata"]["name"]), ("SANDBOX_READY", "life"))
    container = node.crictl("create", pod, container_file(node, "main", ["sh", "-c", "echo started; sleep 1000"]), sandbox).strip()
    equal(show(node, "ps", "-a")["containers"][0]["state"], "CONTAINER_CREATED")
    equal(node.crictl("start", container).strip(), container)
    equal([item["id"] for item in show(node, "ps")["containers"]], [container])
    inspected = show(node, "inspect", container)
    equal(inspected["status"]["state"], "CONTAINER_RUNNING")
    equal(inspected["status"]["image"]["image"], IMAGE)
    wait_until(lambda: "started" in node.crictl("logs", container), what="log line")
    equal(node.crictl("exec", "-s", container, "echo", "in there").strip(), "in there")
    equal(subprocess.run([need("crictl"), "-r", node.socket, "exec", "-s", container, "sh", "-c", "exit 9"],
                         capture_output=True).returncode != 0, True, "a failing command fails crictl")
    wait_until(lambda: show(node, "stats", container)["stats"], what="statistics")
    node.crictl("update", "--memory", str(48 << 20), container)
    equal(show(node, "inspect", container)["status"]["resources"]["linux"]["memoryLimitInBytes"], str(48 << 20))
    node.crictl("stop", "--timeout", "0", container)
    equal(show(node, "inspect", container)["status"]["state"], "CONTAINER_EXITED")
    node.crictl("rm", container)
    node.crictl("stopp", pod)
    contains(node.crictl("pods"), "NotReady")
    node.crictl("rmp", pod)
    equal(show(node, "pods")["items"] or [], [])


@test("run makes pod and container in one go, and rmp -f removes both")
def _(node):
    container = node.crictl("run", container_file(node, "one", ["sh", "-c", "echo go; sleep 1000"]), pod_file(node, "go")).strip()
    equal(show(node, "inspect", container)["status"]["state"], "CONTAINER_RUNNING")
    node.crictl("rmp", "-f", show(node, "pods")["items"][0]["id"])
    equal(show(node, "ps", "-a")["containers"] or [], [])


@test("logs -f follows until the container ends")
def _(node):
    script = "for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done"
    container = node.crictl("run", container_file(node, "talker", ["sh", "-c", script]), pod_file(node, "talks")).strip()
    text = node.crictl("logs", "-f", container, timeout=30)
    equal(text, "".join(f"line {number}\n" for number in range(1, 6)))
    equal(node.crictl("logs", "--tail", "2", container), "line 4\nline 5\n")


@test("what does not exist is an error")
def _(node):
    for arguments in (("inspect", "0" * 64), ("inspectp", "0" * 64), ("exec", "-s", "0" * 64, "true"), ("pull", "127.0.0.1:5000/none:1")):
        done = subprocess.run([need("crictl"), "-r", node.socket, *arguments], capture_output=True, text=True)
        check(done.returncode != 0, lambda: f"crictl {arguments} succeeded")
