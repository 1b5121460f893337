# SPDX-License-Identifier: Apache-2.0
"""Pod networks with the usual plugins, and with plugins that misbehave."""
import os
import subprocess
import time
import urllib.request

from cri import RpcError
from harness import Node, check, conflist, contains, equal, needs, test, wait_until, write

SERVE = "echo hello >/tmp/index.html; exec httpd -f -p 8080 -h /tmp"


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read().decode()
    except OSError:
        return None


@test("a pod has an address of the configured range, in its status and its namespace")
def _(node):
    with node.run_pod(hostname="addressed") as pod:
        check(pod.ip().startswith("10.88.1."), pod.ip())
        contains(pod.sh("ip -4 addr show eth0; ip route; ping -c 1 -W 5 127.0.0.1 >/dev/null && echo lo"), pod.ip() + "/24")
        contains(pod.sh("cat /etc/hosts"), pod.ip())


@test("pods reach each other")
def _(node):
    with node.run_pod() as server, node.run_pod() as client:
        server.start(["sh", "-c", SERVE])
        wait_until(lambda: fetch(f"http://{server.ip()}:8080/") == "hello\n", what="web server in the pod")
        equal(client.sh(f"wget -q -O - http://{server.ip()}:8080/"), "hello\n")


@test("the node and a pod reach a host port")
@needs("nat")
def _(node):
    port = {"protocol": "TCP", "container_port": 8080, "host_port": 18080}
    with node.run_pod(port_mappings=[port]) as server, node.run_pod() as client:
        server.start(["sh", "-c", SERVE])
        wait_until(lambda: fetch(f"http://{server.ip()}:8080/") == "hello\n", what="web server in the pod")
        gateway = "10.88.1.1"
        equal(fetch(f"http://{gateway}:18080/"), "hello\n", "through the host port")
        equal(client.sh(f"wget -q -O - http://{gateway}:18080/"), "hello\n", "through the host port from a pod")


@test("a pod in the node's network has no address of its own and leaves no trace")
def _(node):
    host = {"linux": {"security_context": {"namespace_options": {"network": "NODE"}}}}
    before = node.leftovers()
    with node.run_pod(**host):
        check(not any(line.startswith(("link", "address")) for line in node.leftovers() - before), node.leftovers())


def network_ready(node):
    conditions = node.cri.Status()["status"]["conditions"]
    return next(item for item in conditions if item["type"] == "NetworkReady")


@test("NetworkReady follows the configuration directory without a restart")
def _(node):
    path = node.cni_conf + "/10-podnet.conflist"
    check(network_ready(node)["status"], "not ready at first")
    os.rename(path, path + ".away")
    try:
        wait_until(lambda: not network_ready(node)["status"], what="NetworkReady=false")
        contains(network_ready(node)["message"], node.cni_conf)
        try:
            node.run_pod()
        except RpcError as error:
            contains(error.message.lower(), "network")
        else:
            raise AssertionError("a pod without a network")
    finally:
        os.rename(path + ".away", path)
    wait_until(lambda: network_ready(node)["status"], what="NetworkReady=true")
    write(path, "{ garbage")
    try:
        wait_until(lambda: not network_ready(node)["status"], what="NetworkReady=false for garbage")
        contains(network_ready(node)["message"], "10-podnet.conflist")
    finally:
        write(path, conflist())
    wait_until(lambda: network_ready(node)["status"], what="NetworkReady=true again")


@test("a pod is detached with the configuration it was attached with, whatever is there by then")
def _(node):
    path = node.cni_conf + "/10-podnet.conflist"
    before = node.leftovers()
    pod = node.run_pod()
    os.rename(path, path + ".away")
    try:
        wait_until(lambda: not network_ready(node)["status"], what="NetworkReady=false")
        pod.stop()
        pod.remove()
        node.expect_nothing_left(before)
    finally:
        os.rename(path + ".away", path)
        wait_until(lambda: network_ready(node)["status"], what="NetworkReady=true")


def plugin_node(name, script):
    """A node whose one plugin is the given shell script."""
    node = Node(name, extra_config='[network]\ntimeout = 2\n')
    plugins = node.dir + "/plugins"
    write(plugins + "/bad", "#!/bin/sh\ncat >/dev/null\n[ $CNI_COMMAND = DEL ] && exit 0\n"
          "[ $CNI_COMMAND = VERSION ] && { echo '{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"1.0.0\"]}'; exit 0; }\n" + script)
    os.chmod(plugins + "/bad", 0o755)
    write(node.cni_conf + "/10-podnet.conflist", '{"cniVersion":"1.0.0","name":"bad","plugins":[{"type":"bad"}]}')
    command = node.command
    node.command = lambda: [plugins if word == "/usr/lib/cni" else word for word in command()]
    node.start()
    return node


def expect_failure(name, script, *words):
    node = plugin_node(name, script)
    try:
        before, began = node.leftovers(), time.monotonic()
        try:
            node.run_pod()
        except RpcError as error:
            for word in ("bad",) + words:
                contains(error.message, word)
            check(time.monotonic() - began < 20, "took too long")
        else:
            raise AssertionError("the pod started")
        node.expect_nothing_left(before)
        text = subprocess.run(["ps", "ax"], capture_output=True, text=True).stdout
        check("sleep 987" not in text, "the plugin's processes live on")
    finally:
        node.stop()


@test("a plugin that hangs is killed with its children, and the pod fails with a sentence")
def _(_node):
    expect_failure("hangs", "sleep 987 & sleep 987\n")


@test("a plugin that prints garbage fails the pod")
def _(_node):
    expect_failure("garbage", "echo this is not JSON\n")


@test("a plugin that fails is quoted")
def _(_node):
    expect_failure("fails", 'echo \'{"cniVersion":"1.0.0","code":11,"msg":"no address for you","details":"d"}\'; exit 1\n',
                   "no address for you")


@test("a plugin that floods its output does not fill the daemon's memory")
def _(_node):
    expect_failure("floods", "yes 0123456789012345678901234567890123456789 2>/dev/null\n")
