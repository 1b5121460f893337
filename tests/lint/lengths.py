#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No file over 400 lines, no function over 60 with its signature: what is longer hides a second thing."""
import re

import cpp_source

MAX_FILE = 400
MAX_FUNCTION = 60

_TYPE = re.compile(r"\s*(?:template\s*<.*>\s*)?(?:typedef\s+)?(?:class|struct|union|enum)\b", re.DOTALL)
_LABEL = re.compile(r"\s*(?:public|private|protected)\s*:(?!:)")


def _matching_text(head):
    """`head` with everything inside parentheses, brackets and template arguments removed."""
    previous = None
    while previous != head:
        previous = head
        head = re.sub(r"\([^()]*\)", "()".replace("(", "\x01").replace(")", "\x02"), head)
        head = re.sub(r"\[[^\[\]]*\]", "\x03", head)
    return head.replace("\x01", "(").replace("\x02", ")")


def _kind(head):
    """What a brace opens, judged by the text before it at namespace or class level."""
    head = head.strip()
    if re.match(r"(?:inline\s+)?namespace\b", head) or re.match(r'extern\s+"[^"]*"$', head):
        return "scope"
    flat = _matching_text(head)
    if _TYPE.match(head) and "(" not in re.sub(r"\balignas\s*\(\)|__attribute__\s*\(\)", "", flat):
        return "scope"
    if flat.count("(") > flat.count(")"):
        return "value"  # a brace inside an argument list: f(Options o = {})
    if "(" not in flat:
        return "function" if re.search(r"=\s*\x03$", flat) else "value"  # `auto f = [] {` or an initialiser
    if re.search(r"(?<![=!<>])=(?!=)", re.sub(r"operator\s*[^\s(]+", "", flat)) and "\x03" not in flat:
        return "value"
    initialisers = re.search(r"\)[^:]*(?<!:):(?!:)", flat)
    if initialisers and re.search(r"[\w>]$", flat) and not re.search(r"\b(?:const|noexcept|override)$", flat):
        return "value"  # Foo() : member_{...
    return "function"


def functions(text):
    """(first line, last line, name) of every function body in C++ `text`."""
    code = cpp_source.without_preprocessor(cpp_source.blank(text))
    stack, found, start = [], [], 0
    for at, char in enumerate(code):
        if char == ";" and code.count("(", start, at) == code.count(")", start, at):
            start = at + 1 if not stack or stack[-1][0] == "scope" else start
        elif char == "{":
            inside = stack and stack[-1][0] != "scope"
            kind = "inner" if inside else _kind(code[start:at])
            stack.append((kind, start, at))
            if kind == "scope":
                start = at + 1
        elif char == "}" and stack:
            kind, head, brace = stack.pop()
            if kind == "function":
                label = _LABEL.match(code, head)
                first = (label.end() if label else head)
                first += len(code[first:]) - len(code[first:].lstrip())
                name = " ".join(text[first:brace].split())[:70]
                found.append((cpp_source.line_of(code, first), cpp_source.line_of(code, at), name))
            if kind in ("function", "scope"):
                start = at + 1
    return found


def check(root):
    offenders = []
    for path in cpp_source.files(root, ["src", "tests"]):
        text = cpp_source.read(root, path)
        lines = text.count("\n")
        if lines > MAX_FILE:
            offenders.append(f"{path}: {lines} lines, more than {MAX_FILE}")
        for first, last, name in functions(text):
            if last - first + 1 > MAX_FUNCTION:
                offenders.append(f"{path}:{first}: {last - first + 1} lines, more than {MAX_FUNCTION}: {name}")
    return offenders


if __name__ == "__main__":
    cpp_source.main(check)
