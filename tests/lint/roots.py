#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No path below a root that belongs to somebody else is walked by the kernel's ordinary rules.

In pid1, the runtime and the unpacker every system call that takes a path is forbidden, except by the empty
path (the object is a descriptor) and in the files below, each with what its paths are. Everything else goes
through open_in_root, open_beneath (base/dir.hpp) or open_in_root, open_or_create, open_parent (pid1/paths.h)."""
import re

import banned
import cpp_source

SCOPE = ("src/pid1/", "src/runtime/", "src/image/layer_", "src/image/unpack_", "src/image/overlay_")

# Which of a call's arguments are paths, counted from 0.
PATHS = {
    **{name: (0,) for name in ("open", "creat", "stat", "lstat", "statfs", "access", "mkdir", "mknod", "mkfifo", "rmdir", "unlink",
                               "chmod", "chown", "lchown", "readlink", "chdir", "chroot", "truncate", "opendir", "umount", "umount2",
                               "getxattr", "lgetxattr", "setxattr", "lsetxattr", "removexattr", "lremovexattr", "listxattr", "execve",
                               "utimes", "swapon")},
    **{name: (1,) for name in ("openat", "openat2", "fstatat", "statx", "faccessat", "mkdirat", "mknodat", "mkfifoat", "unlinkat",
                               "fchmodat", "fchownat", "readlinkat", "open_tree", "mount_setattr", "utimensat", "execveat",
                               "name_to_handle_at", "open_at")},
    "mount": (0, 1), "symlink": (1,), "symlinkat": (2,), "link": (0, 1), "rename": (0, 1), "linkat": (1, 3), "renameat": (1, 3),
    "renameat2": (1, 3), "move_mount": (1, 3), "pivot_root": (0, 1),
}

# What the paths are: files, each with the calls that take them.
OWNERS = {
    "the helpers themselves: single names in directories that they have opened": {
        "src/pid1/paths.cpp": "readlinkat openat openat2 mkdirat",
        "src/pid1/sys.h": "openat2 pivot_root",
        "src/pid1/musl_gaps.h": "move_mount open_tree mount_setattr",
        "src/image/layer_apply_lowers.cpp": "openat2",
        "src/image/layer_apply_tree.cpp": "readlinkat fstatat",
    },
    "single names in a directory of the root that the helpers have opened, links not followed": {
        "src/pid1/ops_copy_up.cpp": "openat readlinkat symlinkat fchownat mkdirat mknodat fstatat",
        "src/pid1/ops_files.cpp": "fstatat openat mknodat symlinkat chdir",  # chdir: after the pivot, then checked
        "src/image/layer_apply.cpp": "fchmodat fstatat linkat mknodat openat symlinkat",
        "src/image/layer_apply_attributes.cpp": "fchownat lsetxattr utimensat",
        "src/image/layer_apply_copy.cpp": "symlinkat mknodat open_at",
        "src/image/layer_apply_directories.cpp": "unlinkat mkdirat fstatat mknodat",
        "src/image/overlay_usage.cpp": "fstatat",
    },
    "after the pivot, where the root is the container's, and so is the program that is run": {
        "src/pid1/ops_program.cpp": "stat execve faccessat",
    },
    "the root itself: / before the pivot, after it, and the place where a root is attached": {
        "src/pid1/ops_mount.cpp": "mount_setattr move_mount open pivot_root umount2 chdir mount chroot",
        "src/pid1/pause_child.cpp": "mount_setattr move_mount pivot_root chdir umount2",
        "src/image/unpack_sandbox.cpp": "chroot",
        "src/runtime/namespaces_mount.cpp": "mount move_mount",
    },
    "the host's /dev/null, /proc and /, looked at after they were opened": {
        "src/pid1/birth.cpp": "open openat",  # openat: a cgroup's own file
        "src/pid1/launch_once.cpp": "chdir open",
        "src/pid1/listener.cpp": "readlink",
        "src/pid1/ops_mask.cpp": "open_tree",
        "src/pid1/proc.cpp": "open openat openat2",  # openat: magic links of a procfs that is nobody else's
        "src/pid1/run_plan.cpp": "open",
        "src/pid1/shim.cpp": "open chdir",
        "src/runtime/plan_open.cpp": "stat open",
        "src/runtime/cli/main.cpp": "open",
        "src/runtime/selinux.cpp": "open statfs",
        "src/runtime/shim_spawn.cpp": "open execveat",
    },
    "openat2 that stays beneath, and meets no link: a verified procfs, a directory of logs": {
        "src/pid1/log_file.cpp": "openat2 renameat unlinkat",
        "src/pid1/ops_label.cpp": "openat2",
    },
    "sources of mounts and programs of the host, as whoever configures a container names them": {
        "src/runtime/apparmor.cpp": "access",
        "src/runtime/cli/criu.cpp": "access",
        "src/runtime/mount_tree.cpp": "open_tree",
    },
    "the runtime's own directories": {
        "src/pid1/exit_record.cpp": "openat renameat unlinkat",
        "src/pid1/requests.cpp": "unlinkat",
        "src/runtime/namespaces.cpp": "mount unlink umount2",
        "src/runtime/pod_shm.cpp": "mount umount2 rmdir",
        "src/runtime/shim_binary.cpp": "unlinkat",
        "src/runtime/cli/bundle.cpp": "open_at",
        "src/runtime/cli/container_outside.cpp": "open_at readlink stat",  # images; and the kernel's links in /proc
        "src/runtime/cli/create_container.cpp": "mkdirat mkfifoat open_at",
        "src/runtime/cli/start_container.cpp": "unlinkat open_at",
        "src/runtime/cli/state_dir.cpp": "mkdir stat",
        "src/image/overlay_mount.cpp": "mount open_tree umount2",
        "src/image/overlay_mount_older.cpp": "mount mkdir move_mount",
        "src/image/overlay_snapshotter.cpp": "rename",
    },
    "the kernel's control files": {
        "src/runtime/intel_rdt.cpp": "faccessat mkdirat unlinkat",
        "src/runtime/plan_materialise.cpp": "open_at",
        "src/runtime/cgroup/control_file.cpp": "openat",
        "src/runtime/cgroup/delegation.cpp": "fchownat open_at",
        "src/runtime/cgroup/device_access.cpp": "open_at",
        "src/runtime/cgroup/detailed_stats.cpp": "openat",
        "src/runtime/cgroup/group_tree.cpp": "mkdirat unlinkat openat fstatat",
        "src/runtime/cgroup/host_manager.cpp": "mkdirat unlinkat open_at",
        "src/runtime/cgroup/systemd_manager.cpp": "open_at",
    },
}
_ALLOWED = {path: set(calls.split()) for files in OWNERS.values() for path, calls in files.items()}

_CALL = re.compile(r"(?<![\w~])(SYS_)?(" + "|".join(sorted(PATHS, key=len, reverse=True)) + r")\s*([(,])")


def _arguments(text, opening):
    """The arguments of a call, whose parenthesis is at `opening`, as texts."""
    depth, parts, start = 0, [], opening + 1
    for at in range(opening, len(text)):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(text[at], 0)
        if (depth == 1 and text[at] == ",") or depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
        if depth == 0:
            return parts
    return parts


def raw_calls(text):
    """(line, name) of each system call in C++ `text` that has the kernel walk a path."""
    code = cpp_source.blank(text)
    kept = cpp_source.blank(text, keep_strings=True)
    for call in _CALL.finditer(code):
        by_number, name, after = call.groups()
        if by_number:
            opening = code.rfind("(", 0, call.start())
            arguments = _arguments(kept, opening)[1:]
        elif after == ",":
            continue
        elif banned._is_own_function(code, call.start()) and not code.endswith("sys::", 0, call.start()):
            continue
        else:
            arguments = _arguments(kept, call.end() - 1)
        walked = [arguments[i] for i in PATHS[name] if i < len(arguments)]
        # Ours: open_at is openat, on the host's tree with kCwd; an open_tree of our own takes no flags.
        if name == "open_at" and arguments[0] == "kCwd" or name == "open_tree" and len(arguments) < 3:
            continue
        if any(argument not in ('""', "") for argument in walked):
            yield cpp_source.line_of(code, call.start()), name


def check(root):
    offenders = []
    for path in cpp_source.files(root, ["src/pid1", "src/runtime", "src/image"]):
        if not path.startswith(SCOPE):
            continue
        allowed, used = _ALLOWED.get(path, set()), set()
        for line, name in raw_calls(cpp_source.read(root, path)):
            used.add(name)
            if name not in allowed:
                offenders.append(f"{path}:{line}: {name} walks a path: use the helpers of base/dir.hpp or pid1/paths.h, or say in "
                                 "tests/lint/roots.py what its paths are")
        offenders += [f"{path}: does not call {name} any more: take it off tests/lint/roots.py" for name in sorted(allowed - used)]
    return offenders


if __name__ == "__main__":
    cpp_source.main(check)
