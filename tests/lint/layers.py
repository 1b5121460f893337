#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: the module table of ARCHITECTURE.md, enforced."""
import re

import cpp_source

PLAIN_PID1 = ["pid1/plan_format.h", "pid1/shim_protocol.h", "pid1/launch_protocol.h"]
LOWER = ["base/", "image/", "netcni/", "runtime/"] + PLAIN_PID1
DAEMON_TOP = r"daemon/[^/]+$"

# Longest matching folder wins. An entry is a prefix, or a regular expression if it ends in "$".
MAY_INCLUDE = {
    "src/base/": ["base/"],
    "src/pid1/": ["pid1/"],
    "src/image/": ["base/", "image/"],
    "src/netcni/": ["base/", "netcni/"],
    "src/runtime/": ["base/", "runtime/"] + PLAIN_PID1,
    "src/daemon/": LOWER + ["daemon/"],
    "src/daemon/rpc/": LOWER + ["daemon/"],
    "src/daemon/streaming/": LOWER + [DAEMON_TOP, "daemon/streaming/", "daemon/ops/", "daemon/spec/", "daemon/state/"],
    "src/daemon/ops/": LOWER + [DAEMON_TOP, "daemon/ops/", "daemon/spec/", "daemon/state/"],
    "src/daemon/spec/": LOWER + [DAEMON_TOP, "daemon/spec/", "daemon/state/"],
    "src/daemon/state/": LOWER + [DAEMON_TOP, "daemon/spec/", "daemon/state/"],
    "src/ctl/": LOWER + ["ctl/", DAEMON_TOP, "daemon/spec/", "daemon/state/"],
}

# Generated and gRPC headers cost seconds per translation unit: they stop where they must be.
ONLY_UNDER = [
    (r"api\.pb\.h", ["src/daemon/", "src/ctl/", "tests/"]),
    (r"api\.grpc\.pb\.h|grpcpp/.*|grpc/.*", ["src/daemon/rpc/", "src/ctl/", "tests/"]),
    (r"sys/mount\.h", ["src/pid1/", "src/image/overlay_mount", "src/runtime/namespaces", "src/runtime/mount_tree", "src/runtime/pod_shm",
                       "tests/"]),
]
CALLS_ONLY_UNDER = [
    (r"(?:setns|pivot_root)", ["src/pid1/", "src/image/overlay_mount", "src/runtime/namespaces",
                               "src/runtime/mount_tree", "src/runtime/pod_shm", "tests/"]),
    # shim_spawn: posix_spawn cannot start a process in a cgroup. unpack_sandbox names it in its filter.
    (r"clone3?", ["src/pid1/", "src/image/overlay_mount", "src/image/unpack_sandbox", "src/runtime/namespaces", "src/runtime/mount_tree",
                  "src/runtime/pod_shm", "src/runtime/shim_spawn", "tests/"]),
]
ONE_FILE_EACH = ["seccomp.h", "sys/capability.h", "sys/apparmor.h"]

# pid1 has no C++ runtime: of C++'s own headers only those that are all types and macros.
PID1_CPP_HEADERS = {"cerrno", "climits", "csignal", "cstddef", "cstdint", "cstring", "initializer_list", "limits",
                    "type_traits", "utility"}

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)


def includes(text):
    """(line, header, quoted) of each include directive that is not in a comment."""
    code = cpp_source.blank(text, keep_strings=True)
    return [(cpp_source.line_of(code, m.start()), m.group(1) or m.group(2), m.group(1) is not None)
            for m in _INCLUDE.finditer(code)]


def _allowed(header, entries):
    return any(re.match(e, header) if e.endswith("$") else header.startswith(e) for e in entries)


def _module_offence(path, header):
    folders = [f for f in MAY_INCLUDE if path.startswith(f)]
    if not folders or header in ("api.pb.h", "api.grpc.pb.h"):
        return None
    if "/" not in header or header.startswith("."):
        return f'"{header}": write includes from src/ on'
    folder = max(folders, key=len)
    if not _allowed(header, MAY_INCLUDE[folder]):
        return f'{folder} may not include "{header}"'
    return None


def _offences(path, header, quoted):
    if quoted:
        yield _module_offence(path, header)
    elif path.startswith("src/pid1/") and not header.endswith(".h") and header not in PID1_CPP_HEADERS:
        yield f"pid1 has no C++ runtime and may not include <{header}>"
    for pattern, places in ONLY_UNDER:
        if re.fullmatch(pattern, header) and not path.startswith(tuple(places)):
            yield f"{header} may be included only under {', '.join(places)}"


def _forbidden_calls(path, text):
    code = cpp_source.blank(text)
    for pattern, places in CALLS_ONLY_UNDER:
        if path.startswith(tuple(places)):
            continue
        for call in re.finditer(rf"(?<![\w.>])({pattern})\s*\(|\bSYS_({pattern})\b", code):
            yield (f"{path}:{cpp_source.line_of(code, call.start())}: {call.group(1) or call.group(2)} may be called "
                   f"only under {', '.join(places)}")


def check(root):
    offenders, users = [], {header: [] for header in ONE_FILE_EACH}
    for path in cpp_source.files(root, ["src", "tests"]):
        text = cpp_source.read(root, path)
        for line, header, quoted in includes(text):
            offenders += [f"{path}:{line}: {offence}" for offence in _offences(path, header, quoted) if offence]
            if header in users and path.startswith("src/"):
                users[header].append(path)
        offenders += _forbidden_calls(path, text)
    for header, paths in users.items():
        if len(paths) > 1 or any(not p.endswith(".cpp") for p in paths):
            offenders.append(f"<{header}> belongs in exactly one .cpp, but is in {', '.join(paths)}")
    return offenders


if __name__ == "__main__":
    cpp_source.main(check)
