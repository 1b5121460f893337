# SPDX-License-Identifier: Apache-2.0
"""What pods, containers and pulls may leave behind, as a set of sentences. On a node without any of
them it is empty; tests compare sets from before and after."""
import os
import subprocess

import isolate


def find(root, state, cgroup_parent):
    found = set()
    found |= _processes(cgroup_parent)
    found |= _cgroups(cgroup_parent)
    found |= _mounts((root, state))
    found |= _network()
    for directory in (state + "/pods", state + "/netns", root + "/pods", root + "/containers", root + "/images/staging",
                      root + "/images/trash", root + "/snapshots/.trash", root + "/quarantine"):
        found |= {f"file {directory}/{name}" for name in names(directory)}
    found |= {f"file {root}/snapshots/{name}" for name in names(root + "/snapshots") if not name.startswith(".")}
    return found


def names(directory):
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def _processes(cgroup_parent):
    """Shims and what they started: in this PID namespace every berth-* program is ours."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        status = _read(f"/proc/{pid}/stat")
        if not status or status.rpartition(")")[2].split()[0] == "Z":
            continue
        name = status.partition("(")[2].rpartition(")")[0]
        command = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
        in_group = f"{cgroup_parent}/" in _read(f"/proc/{pid}/cgroup")
        if name.startswith("berth-") or command.startswith("berth-") or (in_group and name not in ("berthd", "containerd")):
            found.add(f"process {pid}")  # no more: a name changes while a process becomes what it is to be
    return found


def describe(entry):
    """For people: a process with its name and command line."""
    kind, _, pid = entry.partition(" ")
    if kind != "process":
        return entry
    command = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
    return f"{entry} {_read(f'/proc/{pid}/comm').strip()} {command}".strip()


def _cgroups(parent):
    """The parent itself and the shims' common group belong to the daemon."""
    permanent = (parent, parent + "/shims", parent + "/shim", parent + "/daemon")
    return {f"cgroup {hierarchy}{path}" for hierarchy, path in isolate.cgroups_below(parent) if path not in permanent}


def _mounts(directories):
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file]
    return {f"mount {point}" for point in points for directory in directories if point.startswith(directory + "/")}


def _network():
    links = subprocess.run(["ip", "-o", "link", "show", "type", "veth"], capture_output=True, text=True).stdout
    found = {"link " + line.split(":")[1].strip() for line in links.splitlines()}
    found |= {f"netns {name}" for name in names("/run/netns")}
    for network in names("/var/lib/cni/networks"):
        found |= {f"address {name} of {network}" for name in names("/var/lib/cni/networks/" + network) if name[0].isdigit()}
    for table in ("nat", "filter"):
        rules = subprocess.run(["iptables", "-w", "-t", table, "-S"], capture_output=True, text=True).stdout
        # The plugins' own base chains stay; what names a pod (its chain, its address) must go.
        found |= {f"iptables {table} {rule}" for rule in rules.splitlines()
                  if "CNI-DN-" in rule or "CNI-SN-" in rule or "10.88." in rule}
    return found
