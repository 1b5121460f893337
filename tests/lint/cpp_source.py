# SPDX-License-Identifier: Apache-2.0
"""What every lint needs: the project's files, and C++ text without what only looks like code."""
import os
import re
import sys

CPP_SUFFIXES = (".cpp", ".hpp", ".h", ".c")

_TOKENS = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|(?:u8|[uUL])?R"(?P<tag>[^()\\ \n]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",  # not the separators of 1'000'000
    re.DOTALL)


def _spaces(text):
    return re.sub(r"[^\n]", " ", text)


def blank(text, keep_strings=False):
    """The same text, position for position, with comments and the insides of literals made spaces."""
    def replace(match):
        token = match.group(0)
        if token.startswith("/") or len(token) < 2:
            return _spaces(token)
        if keep_strings:
            return token
        return token[0] + _spaces(token[1:-1]) + token[-1]
    return _TOKENS.sub(replace, text)


def without_preprocessor(blanked):
    """`blanked` with directives, and the lines that continue them, made spaces."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: _spaces(m.group(0)), blanked, flags=re.MULTILINE)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def files(root, folders, suffixes=CPP_SUFFIXES):
    """Paths relative to `root`, in a stable order."""
    found = []
    for folder in folders:
        for where, folders_here, names in os.walk(os.path.join(root, folder)):
            folders_here[:] = sorted(d for d in folders_here if d not in ("__pycache__", "corpus"))
            found += [os.path.relpath(os.path.join(where, n), root) for n in sorted(names) if n.endswith(suffixes)]
    return found


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def main(check):
    """Prints what `check(root)` complains about; the exit status says whether it did."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    offenders = check(root)
    for offender in offenders:
        print(offender)
    sys.exit(1 if offenders else 0)
