# SPDX-License-Identifier: Apache-2.0
"""Debian's containerd behind the interface of harness.Node, and skopeo, for comparison in the same run."""
import os
import shutil
import subprocess

import harness

PAUSE = harness.REGISTRY + "/pause:peer"


class ContainerdNode(harness.Node):
    def __init__(self, name="containerd"):
        super().__init__(name)
        self.program = shutil.which("containerd")
        if not self.program or not shutil.which("runc"):
            raise harness.Skip("containerd and runc are not installed")
        harness.Registry.push("--busybox", "--name", "pause", "--tag", "peer", "--cmd", '["/bin/sleep", "2147483647"]')
        self._write_config()

    def use_root(self, root):
        super().use_root(root)
        self._write_config()

    def _write_config(self):
        # The configuration of 1.6; `restrict_oom_score_adj` because not every root may lower the score.
        cri = '[plugins."io.containerd.grpc.v1.cri"'
        harness.write(self.dir + "/config.toml", f"""version = 2
root = "{self.root}"
state = "{self.state}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{self.socket[len('unix://'):]}"
{cri}]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  disable_tcp_service = true
{cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{self.cni_conf}"
{cri}.registry]
  config_path = "{self.dir}/certs.d"
""")
        harness.write(f"{self.dir}/certs.d/{harness.REGISTRY}/hosts.toml",
                      f'server = "http://{harness.REGISTRY}"\n[host."http://{harness.REGISTRY}"]\n')

    def command(self):
        return [self.program, "--config", self.dir + "/config.toml", "--log-level", "warn"]

    def pod_config(self, name=None, **more):
        config = super().pod_config(name, **more)
        config["linux"].setdefault("cgroup_parent", self.parent + "/pods")
        return config

    def leftovers(self):
        return set()

    def version(self):
        text = subprocess.run([self.program, "--version"], capture_output=True, text=True).stdout.split()
        runc = subprocess.run(["runc", "--version"], capture_output=True, text=True).stdout.split()
        return f"containerd {text[2]} + runc {runc[2]}"


def install():
    """Only when a comparison was asked for."""
    if all(shutil.which(program) for program in ("containerd", "runc", "skopeo")):
        return
    subprocess.run(["apt-get", "-q", "install", "-y", "--no-install-recommends", "containerd", "runc", "skopeo"], check=True,
                   env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
