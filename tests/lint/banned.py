#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls and texts that have no place here, each with what to use instead."""
import os
import re

import cpp_source

# (pattern in code without comments and literals, why, where it is allowed); src only.
IN_CODE = [
    (r"std::filesystem::remove_all|\bfs::remove_all", "follows swapped paths: use base/remove_tree", []),
    (r"(?<![\w.>])(?:std::|::)?system\s*\(", "runs a shell: use base/subprocess", []),
    (r"(?<![\w.>])(?:::)?popen\s*\(", "runs a shell: use base/subprocess", []),
    (r"(?<![\w.>])(?:::)?v?fork\s*\(", "copies a threaded process: use base/subprocess or the shim", []),
    (r"\bstrerror\s*\(", "is not thread-safe: use Error::from_errno", []),
    (r"std::thread\b(?!::)", "has no owner: use base's lanes", ["src/base/"]),
    (r"\b(?:secure_)?getenv\s*\(", "hides configuration", ["src/daemon/config", "src/base/failpoint_armed.cpp", "src/ctl/"]),
]
PID1_CODE = [(r"(?<!\w)(?:std::|::)?exit\s*\(", "runs handlers of a C library: use _exit", [])]

_MARKS = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
_MACHINE_PATH = re.compile(r"""(?<![\w./}$*-])/(?:work|root)/""")
_TEXT_FILES = (".cpp", ".hpp", ".h", ".c", ".py", ".sh", ".md", ".build", ".proto", ".txt", ".toml", ".json", ".service")

# Calls that make a file descriptor, and the flag that keeps it from leaking into children.
CLOEXEC = {"socket": "SOCK_CLOEXEC", "socketpair": "SOCK_CLOEXEC", "accept4": "SOCK_CLOEXEC", "open": "O_CLOEXEC",
           "openat": "O_CLOEXEC", "pipe2": "O_CLOEXEC", "memfd_create": "MFD_CLOEXEC", "eventfd": "EFD_CLOEXEC",
           "epoll_create1": "EPOLL_CLOEXEC", "inotify_init1": "IN_CLOEXEC", "signalfd": "SFD_CLOEXEC",
           "timerfd_create": "TFD_CLOEXEC", "accept": "accept4", "pipe": "pipe2", "epoll_create": "epoll_create1",
           "inotify_init": "inotify_init1", "dup": "F_DUPFD_CLOEXEC"}
_FD_CALL = re.compile(r"(?<![\w~])(" + "|".join(sorted(CLOEXEC, key=len, reverse=True)) + r")\s*\(")


def _is_own_function(code, at):
    """Whether the name at `at` is a member or a declaration rather than a call of the C library's function."""
    before = code[:at].rstrip()
    if before.endswith("::"):
        return re.search(r"[\w>]::$", before) is not None  # Dir::open, but not return ::open
    if before.endswith((".", "->")):
        return True
    word = re.search(r"[\w>&*]+$", before)
    return word is not None and word.group(0) not in ("return", "co_return", "else", "case", "&&")


def _arguments(code, opening):
    depth = 0
    for at in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return code[opening:at + 1]
    return code[opening:]


def missing_cloexec(code):
    """(line, complaint) for each descriptor born without its close-on-exec flag."""
    for call in _FD_CALL.finditer(code):
        name = call.group(1)
        if _is_own_function(code, call.start()):
            continue
        arguments = _arguments(code, call.end() - 1)
        if name == "open" and "O_" not in arguments and not code[:call.start()].endswith("::"):
            continue  # the one name that our own functions share; those take no O_ flags
        if CLOEXEC[name] not in arguments:
            yield cpp_source.line_of(code, call.start()), f"{name} without {CLOEXEC[name]}"


def _in_code(path, code):
    rules = IN_CODE + (PID1_CODE if path.startswith("src/pid1/") else [])
    for pattern, why, allowed in rules:
        if path.startswith(tuple(allowed)):
            continue
        for match in re.finditer(pattern, code):
            yield cpp_source.line_of(code, match.start()), f"{match.group(0).strip()}: {why}"


def check_cpp(path, text):
    code = cpp_source.blank(text)
    if text.split("\n", 1)[0] != "// SPDX-License-Identifier: Apache-2.0":
        yield 1, "the first line must be // SPDX-License-Identifier: Apache-2.0"
    for match in re.finditer(r"\b(?:REQUIRE|CHECK|SUCCEED)\s*\(\s*(?:true|1)?\s*\)", code):
        yield cpp_source.line_of(code, match.start()), "a check that cannot fail"
    if not path.startswith("src/"):
        return
    yield from _in_code(path, code)
    yield from missing_cloexec(code)
    for match in _MARKS.finditer(text):
        yield cpp_source.line_of(text, match.start()), f"{match.group(0)}: open an issue instead"


def check_text(text):
    for match in _MACHINE_PATH.finditer(text):
        yield cpp_source.line_of(text, match.start()), f"{match.group(0)}: a path of somebody's machine"
    for match in re.finditer(r"\.\./shared\b", text):
        yield cpp_source.line_of(text, match.start()), "refers to a folder outside the project"


def check(root):
    offenders = []
    for path in cpp_source.files(root, ["src", "tests"]):
        offenders += [f"{path}:{line}: {what}" for line, what in check_cpp(path, cpp_source.read(root, path))]
    own = os.path.join("tests", "lint") + os.sep  # names what it forbids
    texts = [p for p in cpp_source.files(root, ["src", "tests", "proto", "docs", "contrib", ".ci"], _TEXT_FILES)
             if not p.startswith(own)]
    texts += [n for n in sorted(os.listdir(root)) if n.endswith(_TEXT_FILES) or n == "dev"]
    for path in texts:
        offenders += [f"{path}:{line}: {what}" for line, what in check_text(cpp_source.read(root, path))]
    return offenders


if __name__ == "__main__":
    cpp_source.main(check)
