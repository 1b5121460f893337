#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints all that is to be known about the files below a directory, one line each, so that two trees can be
compared: path, type, mode, owner, time, size and digest or what a link, device or hard link leads to, attributes."""
import hashlib
import os
import stat
import sys

TYPES = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFCHR: "char",
         stat.S_IFBLK: "block"}


def details(path, status):
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            return f"{status.st_size} sha256:{hashlib.sha256(file.read()).hexdigest()}"
    if stat.S_ISLNK(status.st_mode):
        return f"-> {os.readlink(path)!r}"
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        return f"{os.major(status.st_rdev)},{os.minor(status.st_rdev)}"
    return ""


def main():
    root = os.fsencode(sys.argv[1])
    paths, first = [b""], {}
    for directory, names, files in os.walk(root):
        paths += [os.path.relpath(os.path.join(directory, name), root) for name in names + files]
    for path in sorted(paths):
        full = os.path.join(root, path)
        status = os.lstat(full)
        words = [repr(path), TYPES[stat.S_IFMT(status.st_mode)], f"{stat.S_IMODE(status.st_mode):o}",
                 f"{status.st_uid}:{status.st_gid}", str(status.st_mtime_ns), details(full, status)]
        words += [f"{name}={os.getxattr(full, name, follow_symlinks=False).hex()}"
                  for name in sorted(os.listxattr(full, follow_symlinks=False))]
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            words.append(f"same as {first.setdefault((status.st_dev, status.st_ino), path)!r}")
        print(*words)


if __name__ == "__main__":
    main()
