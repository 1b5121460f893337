#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CRIU for the tests, kept beside the virtual node: that of Debian 12 knows no kernel after 6.12. Prints
the directory of a `criu` that can be run there; builds it first if need be, unless --have is given."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import debian  # noqa: E402

SUITE = "trixie"
NAME = "criu-" + SUITE


def directory():
    return f"{debian.CACHE}/{NAME}/bin"


def build():
    with debian.locked():
        if os.path.exists(directory()):
            return
        with debian.workshop(NAME) as work:
            debian.fetch(work, SUITE, "criu")
            loader, = [name for name in os.listdir(work + "/usr/lib64") if name.startswith("ld-linux")]
            root = f"{debian.CACHE}/{NAME}"
            # With the libraries that it was built with, which are newer than this machine's.
            triplet = os.uname().machine + "-linux-gnu"
            os.mkdir(work + "/bin")
            with open(work + "/bin/criu", "w") as file:
                file.write(f'#!/bin/sh\nexec {root}/usr/lib64/{loader} --library-path {root}/usr/lib/{triplet} '
                           f'{root}/usr/sbin/criu "$@"\n')
            os.chmod(work + "/bin/criu", 0o755)


if __name__ == "__main__":
    try:
        if "--have" not in sys.argv:
            build()
    except debian.Unavailable as reason:
        sys.exit(f"CRIU cannot be had: {reason}")
    print(directory())
