# SPDX-License-Identifier: Apache-2.0
"""What the start path must not do."""
import re
import subprocess
import time

from harness import contains, equal, need, test, wait_until


@test("starting a pod and a container makes no fsync")
def _(node):
    need("strace")
    output = node.dir + "/strace"
    calls = "fsync,fdatasync,syncfs,sync,sync_file_range,msync,rename"  # rename: to see that calls are seen at all
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=" + calls, "-o", output, "-p", str(node.process.pid)],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: traced(node.process.pid), what="attached strace")
        with node.run_pod() as pod:
            container = pod.start(["sleep", "1000"])
            equal(container.status()["state"], "CONTAINER_RUNNING")
            time.sleep(0.2)
    finally:
        tracer.terminate()
        tracer.wait()
    with open(output) as file:
        text = file.read()
    contains(text, "rename", "the trace, which should have seen records being written")
    syncs = [line for line in text.splitlines() if re.search(r"\b(fsync|fdatasync|syncfs|sync|sync_file_range|msync)\(", line)]
    equal(syncs, [], "calls that wait for the disk")


def traced(pid):
    with open(f"/proc/{pid}/status") as file:
        return re.search(r"TracerPid:\s+[1-9]", file.read())
