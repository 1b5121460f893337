# SPDX-License-Identifier: Apache-2.0
"""Statistics and metrics of pods: what is told is what happened."""
import json
import time

from harness import KERNEL, Node, check, contains, equal, needs, refused, test, wait_until

MEBI = 1 << 20


def number(message, field):
    return int(message[field]["value"])


def pod_stats(node, pod):
    return node.cri.PodSandboxStats(pod_sandbox_id=pod.id)["stats"]["linux"]


def metrics_of(node):
    """{(name, labels...): value} by container or pod ID."""
    keys = {item["name"]: item["label_keys"] for item in node.cri.ListMetricDescriptors()["descriptors"]}
    found = {}
    for pod in node.cri.ListPodSandboxMetrics().get("pod_metrics", []):
        rows = [(pod["pod_sandbox_id"], pod["metrics"])]
        rows += [(item["container_id"], item["metrics"]) for item in pod["container_metrics"]]
        for identifier, metrics in rows:
            for metric in metrics:
                equal(len(metric["label_values"]), len(keys[metric["name"]]), "labels of " + metric["name"])
                labels = dict(zip(keys[metric["name"]], metric["label_values"]))
                found.setdefault(identifier, []).append((metric["name"], labels, int(metric["value"]["value"]), metric))
    return found


def value(rows, name, **labels):
    found = [row[2] for row in rows if row[0] == "container_" + name and labels.items() <= row[1].items()]
    equal(len(found), 1, f"rows of {name} {labels}")
    return found[0]


@test("a pod's CPU, memory and processes are those of its containers together")
def _(node):
    with node.run_pod(labels={"app": "counted"}, annotations={"a": "b"}) as pod, node.run_pod() as other:
        busy = pod.start(["sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=20; while :; do :; done"],
                         linux={"resources": {"memory_limit_in_bytes": 256 * MEBI}})
        pod.start(["sleep", "1000"])
        wait_until(lambda: number(pod_stats(node, pod)["memory"], "working_set_bytes") > 20 * MEBI, what="20 MiB")
        time.sleep(0.3)
        whole = node.cri.PodSandboxStats(pod_sandbox_id=pod.id)["stats"]
        equal((whole["attributes"]["labels"], whole["attributes"]["annotations"]), ({"app": "counted"}, {"a": "b"}))
        usage = whole["linux"]
        check(number(usage["cpu"], "usage_core_nano_seconds") > 100e6, usage["cpu"])
        check(number(usage["cpu"], "usage_nano_cores") > 100e6, usage["cpu"])
        check(number(usage["memory"], "usage_bytes") >= number(usage["memory"], "working_set_bytes"), usage["memory"])
        check(number(usage["process"], "process_count") >= 2, usage["process"])
        equal(len(usage["containers"]), 2)
        mine = next(item for item in usage["containers"] if item["attributes"]["id"] == busy.id)
        check(number(mine["memory"], "working_set_bytes") > 20 * MEBI, mine["memory"])
        check(0 < number(mine["memory"], "available_bytes") <= 236 * MEBI, mine["memory"])
        check(number(mine["memory"], "page_faults") > 100, mine["memory"])
        equal([item["attributes"]["id"] for item in node.cri.ListPodSandboxStats(filter={"id": other.id[:12]})["stats"]], [other.id])
        listed = node.cri.ListPodSandboxStats(filter={"label_selector": {"app": "counted"}})["stats"]
        equal([item["attributes"]["id"] for item in listed], [pod.id])
        streamed = [item["attributes"]["id"] for piece in node.cri.StreamPodSandboxStats() for item in piece["pod_sandbox_stats"]]
        equal(sorted(streamed), sorted([pod.id, other.id]))


@test("a pod's network counts what went through eth0, and loopback is left out")
def _(node):
    with node.run_pod() as pod, node.run_pod() as other:
        sink = other.start(["sh", "-c", "sleep 1000 | nc -l -p 7000 > /dev/null; sleep 1000"])
        wait_until(lambda: ":1B58" in sink.exec("cat", "/proc/net/tcp", "/proc/net/tcp6").out, what="listener")
        before = pod_stats(node, pod)["network"]
        equal((before["default_interface"]["name"], before["interfaces"]), ("eth0", []))
        check(int(before["timestamp"]) > 0, before)
        pod.sh(f"head -c 3000000 /dev/zero | nc {other.ip()} 7000")
        time.sleep(0.6)
        after = pod_stats(node, pod)["network"]["default_interface"]
        sent = number(after, "tx_bytes") - number(before["default_interface"], "tx_bytes")
        check(3000000 < sent < 4000000, f"{sent} bytes sent")
        check(number(pod_stats(node, other)["network"]["default_interface"], "rx_bytes") > 3000000, "not received")
        equal(number(after, "tx_errors"), 0)


@test("a pod in the host's network has no network of its own to count, and one that is stopped no statistics")
def _(node):
    host = {"linux": {"security_context": {"namespace_options": {"network": "NODE"}}}}
    with node.run_pod(**host) as pod:
        pod.start(["sleep", "1000"])
        equal(pod_stats(node, pod).get("network"), None)
        pod.stop()
        refused("FAILED_PRECONDITION", ["not ready"], node.cri.PodSandboxStats, pod_sandbox_id=pod.id)
        equal(node.cri.ListPodSandboxStats().get("stats", []), [])
    refused("NOT_FOUND", ["does not exist"], node.cri.PodSandboxStats, pod_sandbox_id="f" * 64)


@test("pressure of a pod and of a container, where the kernel tells")
@needs("psi")
def _(node):
    with node.run_pod() as pod:
        pod.start(["sh", "-c", "for i in 1 2 3 4; do (while :; do :; done)& done; wait"])
        wait_until(lambda: int(pod_stats(node, pod)["cpu"]["psi"]["Some"]["Total"]) > 0, what="CPU pressure")
        usage = pod_stats(node, pod)
        for part in (usage["memory"], usage["io"], *[usage["containers"][0][name] for name in ("cpu", "memory", "io")]):
            check("Total" in part["psi"]["Some"] and "Avg300" in part["psi"]["Full"], part)


@test("metrics have their descriptors' labels, and say what the containers did")
def _(node):
    with node.run_pod(name="metered") as pod:
        container = pod.start(["sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=10; sleep 1000 & i=0; "
                               "while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 1000"], name="main",
                              linux={"resources": {"memory_limit_in_bytes": 64 * MEBI, "cpu_period": 100000,
                                                   "cpu_quota": 50000, "cpu_shares": 512}})
        exited = pod.start(["true"])
        exited.wait()
        wait_until(lambda: value(metrics_of(node)[container.id], "memory_working_set_bytes") > 10 * MEBI, what="10 MiB")
        found = metrics_of(node)
        equal(sorted(found), sorted([pod.id, container.id]))
        rows = found[container.id]
        labels = rows[0][1]
        equal([labels[key] for key in ("name", "image", "container", "pod", "namespace")],
              [container.id, node.image, "main", "metered", "default"])
        check(labels["id"].endswith("/berth-" + container.id), labels)
        equal(value(rows, "spec_memory_limit_bytes"), 64 * MEBI)
        equal([value(rows, "spec_cpu_" + name) for name in ("period", "quota", "shares")], [100000, 50000, 512])
        check(value(rows, "memory_usage_bytes") >= value(rows, "memory_working_set_bytes"), "more than is used")
        check(value(rows, "memory_failures_total", failure_type="pgfault", scope="hierarchy") > 100, "page faults")
        check(value(rows, "processes") >= 2 and value(rows, "threads") >= 2, "processes")
        check(value(rows, "file_descriptors") >= 6, "descriptors")
        check(value(rows, "ulimits_soft", ulimit="max_open_files") > 0, "limit of descriptors")
        wait_until(lambda: value(metrics_of(node)[container.id], "cpu_cfs_throttled_periods_total") > 0, what="throttling")
        check(abs(value(rows, "last_seen") - time.time()) < 10, "last_seen")
        check(abs(value(rows, "start_time_seconds") - time.time()) < 120, "start_time_seconds")
        for name, _, _, metric in rows:
            counts = name.endswith(("_total", "failcnt")) and name != "container_fs_inodes_total"
            equal(metric["metric_type"], "COUNTER" if counts else "GAUGE", name)
        of_pod = found[pod.id]
        equal((of_pod[0][1]["name"], of_pod[0][1]["container"]), (pod.id, ""))
        check(value(of_pod, "memory_working_set_bytes") >= 10 * MEBI, "the pod has less than its container")
        check(value(of_pod, "network_receive_bytes_total", interface="eth0") >= 0, "network")
        equal([row for row in rows if "network" in row[0]], [])
        if KERNEL["psi"]():
            check(value(rows, "pressure_cpu_waiting_seconds_total") >= 0, "pressure")
        wait_until(lambda: [row for row in metrics_of(node)[container.id] if row[0] == "container_fs_usage_bytes"], what="disk")
        streamed = [item["pod_sandbox_id"] for piece in node.cri.StreamPodSandboxMetrics() for item in piece["pod_sandbox_metrics"]]
        equal(streamed, [pod.id])


@test("an OOM kill is counted")
def _(node):
    with node.run_pod() as pod:
        container = pod.start(["sh", "-c", "sh -c 'dd if=/dev/zero of=/dev/null bs=200M count=1'; sleep 1000"],
                              linux={"resources": {"memory_limit_in_bytes": 16 * MEBI}})
        wait_until(lambda: value(metrics_of(node)[container.id], "oom_events_total") > 0, what="OOM kill")


@test("only the families that are configured are told")
def _(node):
    few = Node("few", extra_config='[metrics]\npod_metrics = ["oom", "cpu"]\n')
    few.start()
    try:
        few.pull()
        with few.run_pod() as pod:
            pod.start(["sleep", "1000"])
            names = {item["name"] for item in few.cri.ListMetricDescriptors()["descriptors"]}
            check("container_oom_events_total" in names and "container_cpu_usage_seconds_total" in names, names)
            equal([name for name in names if not name.startswith(("container_oom", "container_cpu"))], [])
            equal({row[0] for rows in metrics_of(few).values() for row in rows} - names, set())
    finally:
        few.stop()


@test("crictl: stats, statsp, metricdescs, metricsp")
def _(node):
    with node.run_pod(name="shown") as pod:
        container = pod.start(["sleep", "1000"])
        contains(node.crictl("stats", container.id), container.id[:13])
        contains(node.crictl("statsp"), pod.id[:13])
        shown = json.loads(node.crictl("statsp", "-o", "json", "--id", pod.id))["stats"]
        equal([item["attributes"]["id"] for item in shown], [pod.id])
        contains(node.crictl("metricdescs"), "container_cpu_usage_seconds_total")
        contains(node.crictl("metricsp"), pod.id)
