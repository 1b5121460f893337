# SPDX-License-Identifier: Apache-2.0
"""Stopping, commands in containers, logs."""
import os
import threading
import time

from harness import check, contains, equal, refused, test, wait_until
from pods import EXITED, log_text

TRAP = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done"


def ready(container):
    wait_until(lambda: os.path.exists(container.log_file()) and "ready" in container.output(), what="a ready container")


@test("StopContainer asks with SIGTERM first, and answers as soon as the process has ended")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", TRAP])
        ready(container)
        began = time.monotonic()
        container.stop(30)
        took = time.monotonic() - began
        check(took < 5, f"took {took:.1f} s")
        status = container.status()
        equal((status["state"], status["exit_code"]), (EXITED, 3))
        contains(container.output(), "bye")


@test("StopContainer kills what ignores SIGTERM after the grace period, not before")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"])
        ready(container)
        began = time.monotonic()
        container.stop(2)
        took = time.monotonic() - began
        check(1.8 < took < 6, f"took {took:.1f} s")
        equal(container.status()["exit_code"], 137)


@test("StopContainer with a grace period of 0 kills at once, and may be repeated")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "trap '' TERM; echo ready; sleep 1000"])
        ready(container)
        container.stop(0)
        equal(container.status()["exit_code"], 137)
        container.stop(0)


@test("a second StopContainer with a shorter grace period shortens the first one")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"])
        ready(container)
        began = time.monotonic()
        first = node.cri.start("StopContainer", {"container_id": container.id, "timeout": 30})
        time.sleep(0.3)
        container.stop(0)
        first.result(20)
        check(time.monotonic() - began < 10, "the long grace period was waited for")


@test("StopPodSandbox ends everything in the pod and is idempotent")
def _(node):
    pod = node.run_pod()
    containers = [pod.start(["sh", "-c", "trap '' TERM; sleep 1000"]) for _ in range(3)]
    pod.stop()
    pod.stop()
    equal(pod.status()["state"], "SANDBOX_NOTREADY")
    equal({container.status()["state"] for container in containers}, {EXITED})
    refused("FAILED_PRECONDITION", [pod.id], pod.create, ["true"])
    pod.remove()
    pod.remove()
    refused("NOT_FOUND", [pod.id], node.cri.PodSandboxStatus, pod_sandbox_id=pod.id)


@test("RemovePodSandbox removes a running pod with its containers")
def _(node):
    pod = node.run_pod()
    pod.start(["sleep", "1000"])
    pod.remove()
    equal(node.cri.ListPodSandbox().get("items", []), [])
    equal(node.cri.ListContainers().get("containers", []), [])


@test("lists are filtered by id, state, pod and labels")
def _(node):
    with node.run_pod(labels={"app": "a"}) as one, node.run_pod(labels={"app": "b"}) as two:
        container = one.start(["sleep", "1000"], labels={"tier": "x"})
        two.create(["sleep", "1000"])

        def pods(**filters):
            return {item["id"] for item in node.cri.ListPodSandbox(filter=filters).get("items", [])}

        def containers(**filters):
            return {item["id"] for item in node.cri.ListContainers(filter=filters).get("containers", [])}
        equal(pods(), {one.id, two.id})
        equal(pods(label_selector={"app": "b"}), {two.id})
        equal(pods(id=one.id[:12]), {one.id})
        equal(pods(state={"state": "SANDBOX_NOTREADY"}), set())
        equal(containers(state={"state": "CONTAINER_RUNNING"}), {container.id})
        equal(containers(pod_sandbox_id=one.id), {container.id})
        equal(containers(label_selector={"tier": "x"}), {container.id})
        equal(containers(label_selector={"tier": "y"}), set())


@test("ExecSync returns output, error output and exit code")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"], envs=[], working_dir="/var")
        done = container.exec("sh", "-c", "echo out; echo err >&2; pwd; exit 5")
        equal((done.code, done.out, done.err), (5, "out\n/var\n", "err\n"))
        equal(container.exec("sh", "-c", "kill -9 $$").code, 137)


@test("ExecSync of a program that does not exist says so")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"])
        try:
            done = container.exec("/no/such/program")
        except Exception as error:
            contains(str(error), "/no/such/program")
        else:
            check(done.code in (126, 127), f"exit code {done.code}")


@test("ExecSync that times out is DEADLINE_EXCEEDED and leaves no process")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"])
        began = time.monotonic()
        refused("DEADLINE_EXCEEDED", [], container.exec, "sh", "-c", "sleep 777 & (sleep 778 &) ; trap '' TERM; sleep 779; sleep 780", timeout=1)
        check(time.monotonic() - began < 8, "took too long")
        text = container.exec("ps").out
        check("sleep 77" not in text and "sleep 78" not in text, text)


@test("ExecSync keeps the first 16 MiB of output and does not stall the command")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"])
        done = container.exec("sh", "-c", "head -c 20000000 /dev/zero; exit 4", timeout=60)
        equal(done.code, 4)
        check(16 << 20 >= len(done.out) > 15 << 20, f"{len(done.out)} bytes")


@test("many commands at once in one container all get their own output")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sleep", "1000"])
        wrong = []

        def one(number):
            done = container.exec("echo", str(number), timeout=60)
            if (done.code, done.out) != (0, f"{number}\n"):
                wrong.append((number, done.code, done.out, done.err))
        threads = [threading.Thread(target=one, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(wrong, [])


@test("a long line is split into partial records and joins again exactly")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo; printf unfinished"])
        equal(container.wait(), 0)
        equal(container.output(), "x" * 100000 + "\nunfinished")
        with open(container.log_file()) as file:
            tags = [line.split(" ", 3)[2] for line in file]
        equal((tags.count("F"), tags[-1]), (1, "P"))


@test("rotation by rename and ReopenContainerLog loses, repeats and tears no line")
def _(node):
    lines = 60000
    with node.run_pod() as pod:
        script = f"i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo line $i of some length to fill the file; done"
        container = pod.start(["sh", "-c", script])
        path, rotated = container.log_file(), []
        while container.status()["state"] != EXITED:
            name = f"{path}.{len(rotated)}"
            os.rename(path, name)
            rotated.append(name)
            try:
                node.cri.ReopenContainerLog(container_id=container.id)
            except Exception as error:
                check(container.status()["state"] == EXITED, str(error))
                break
            check(os.path.exists(path), "no new file after ReopenContainerLog")
            time.sleep(0.02)
        container.wait()
        files = rotated + ([path] if os.path.exists(path) else [])
        text = "".join(log_text(name) for name in files)
        check(len(rotated) > 3, f"only {len(rotated)} rotations")
        equal(text.splitlines(), [f"line {number} of some length to fill the file" for number in range(1, lines + 1)])


@test("a container without a log path runs, and a log directory that is missing is made")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["echo", "x"], log_path="")
        equal(container.wait(), 0)
        nested = pod.start(["echo", "nested"], log_path="deep/er/0.log")
        nested.wait()
        equal(nested.output(), "nested\n")


@test("a container without stdin reads the end of the file")
def _(node):
    with node.run_pod() as pod:
        equal(pod.sh("cat; echo done"), "done\n")
