#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What berth-pid1 is made of, judged by the built binary and its object files.

Every pod has one: it must be static and small. Between clone3() and execve() it may only make system
calls, so the objects that run there may call nothing but the wrappers listed here.
Usage: pid1_binary.py BINARY OBJECT_DIRECTORY
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

MAX_STRIPPED = 128 * 1024
SKIP = 77

# No pid1 object may need these: the C++ runtime, and every way to the heap.
FORBIDDEN = re.compile(r"^(?:_ZSt|_ZNSt|_ZNKSt|_Zn[wa]|_Zd[la]|__cxa_|__gxx_|_Unwind_|"
                       r"(?:malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|posix_memalign|"
                       r"aligned_alloc|printf|fprintf|snprintf|fopen|opendir|getline)$)")

CHILD_SIDE = re.compile(r"(?:^|[_.])(?:run_plan|ops_)[^/]*\.o$")
CHILD_MAY_CALL = set("""
    __errno_location __stack_chk_fail _GLOBAL_OFFSET_TABLE_ memcpy memmove memset memcmp memchr strlen strcmp strncmp
    strchr strrchr syscall prctl _exit execve execveat getpid getppid gettid kill
    open openat close close_range read write pread pwrite fcntl ioctl dup2 dup3 lseek ftruncate fsync
    stat lstat fstat fstatat statfs fstatfs access faccessat chdir fchdir chroot mkdir mkdirat mknod mknodat symlink
    symlinkat unlink unlinkat rename renameat readlink readlinkat link linkat
    chmod fchmod fchmodat chown lchown fchown fchownat umask mount umount umount2 setns unshare
    fsopen fsconfig fsmount move_mount open_tree mount_setattr
    sethostname setdomainname setgroups setuid setgid setresuid setresgid setsid setpgid tcsetpgrp getuid geteuid
    getgid getegid setrlimit setrlimit64 getrlimit getrlimit64 prlimit prlimit64 setpriority sched_setaffinity
    sched_setscheduler personality sigprocmask sigaction sigemptyset sigfillset signal
    poll ppoll nanosleep clock_gettime sendmsg recvmsg send recv socket capset
    open64 openat64 fstat64 fstatat64 stat64 lstat64 statfs64 fstatfs64 lseek64 ftruncate64 pread64 pwrite64 fcntl64
    __read_chk __pread_chk __recv_chk __memcpy_chk __memset_chk __memmove_chk __open_2 __openat_2 __poll_chk
    __readlink_chk __readlinkat_chk __open64_2 __openat64_2
""".split())
OURS = re.compile(r"^_ZN?K?5berth|^_ZN?K?.*5berth4pid1|^berth_")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def undefined_symbols(path):
    return [line.split()[-1] for line in output("nm", "-u", path).splitlines() if line.split()]


def object_offences(name, symbols):
    """What object file `name` needs and may not, given the symbols it leaves undefined."""
    offences = [f"{name} needs {s}: no C++ runtime and no heap in pid1" for s in symbols if FORBIDDEN.search(s)]
    if CHILD_SIDE.search(name):
        offences += [f"{name} needs {s}, which is not on the list of what may run between clone3 and execve"
                     for s in symbols if s not in CHILD_MAY_CALL and not OURS.search(s) and not FORBIDDEN.search(s)]
    return offences


def binary_offences(binary):
    if "INTERP" in output("readelf", "-lW", binary) or "(NEEDED)" in output("readelf", "-dW", binary):
        yield f"{binary} is not static"
    with tempfile.TemporaryDirectory() as folder:
        stripped = os.path.join(folder, "stripped")
        subprocess.run(["strip", "-o", stripped, binary], check=True)
        size = os.path.getsize(stripped)
    if size >= MAX_STRIPPED:
        yield f"{binary} is {size} bytes stripped, {MAX_STRIPPED} or more"
    stack = re.search(r"GNU_STACK.*\sRWE\s", output("readelf", "-lW", binary))
    if stack:
        yield f"{binary} has an executable stack"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    binary, folder = sys.argv[1:]
    if not os.path.exists(binary):
        print(f"SKIP: {binary} is not built")
        sys.exit(SKIP)
    objects = sorted(glob.glob(os.path.join(folder, "*.p", "*.o")))
    offences = list(binary_offences(binary))
    if not objects:
        offences.append(f"no object files under {folder}: nothing could be checked")
    for path in objects:
        offences += object_offences(os.path.basename(path), undefined_symbols(path))
    print("\n".join(offences))
    sys.exit(1 if offences else 0)


if __name__ == "__main__":
    main()
