// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_default_table.hpp"

namespace berth::runtime {
namespace {

// Left out on purpose, because a container has no honest use for them or because they have been
// the way out of one: keyrings (not namespaced), io_uring, userfaultfd, kexec, swap, quota, NUMA
// policy and process inspection without their capabilities, and all that makes namespaces.
constexpr SyscallGroup kGroups[] = {
    {"files by path", "",
     "access chdir chmod chown chown32 creat faccessat faccessat2 fchmodat fchmodat2 fchownat "
     "fstatat64 futimesat getcwd lchown lchown32 link linkat lstat lstat64 mkdir mkdirat mknod "
     "mknodat name_to_handle_at newfstatat open openat openat2 readlink readlinkat rename "
     "renameat renameat2 rmdir stat stat64 statfs statfs64 statx symlink symlinkat truncate "
     "truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes"},
    {"extended attributes", "",
     "fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr "
     "listxattrat llistxattr lremovexattr lsetxattr removexattr removexattrat setxattr "
     "setxattrat"},
    {"open files", "",
     "close close_range dup dup2 dup3 fchdir fchmod fchown fchown32 fcntl fcntl64 flock fstat "
     "fstat64 fstatfs fstatfs64 ftruncate ftruncate64 getdents getdents64 ioctl _llseek lseek "
     "memfd_create memfd_secret readdir"},
    {"reading and writing", "",
     "arm_fadvise64_64 arm_sync_file_range cachestat copy_file_range fadvise64 fadvise64_64 "
     "fallocate fdatasync fsync pread64 preadv preadv2 pwrite64 pwritev pwritev2 read "
     "readahead readv sendfile sendfile64 splice sync sync_file_range sync_file_range2 syncfs "
     "tee vmsplice write writev"},
    {"waiting for events", "",
     "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
     "epoll_wait_old eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init "
     "inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents "
     "io_pgetevents_time64 io_setup io_submit _newselect pipe pipe2 poll ppoll ppoll_time64 "
     "pselect6 pselect6_time64 select signalfd signalfd4 timerfd_create timerfd_gettime "
     "timerfd_gettime64 timerfd_settime timerfd_settime64"},
    {"memory", "",
     "brk madvise map_shadow_stack membarrier mincore mlock mlock2 mlockall mmap mmap2 "
     "modify_ldt mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free "
     "pkey_mprotect process_mrelease remap_file_pages"},
    {"network", "",
     "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom "
     "recvmmsg recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown "
     "socketcall socketpair"},
    {"processes and threads", "",
     "execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait "
     "futex_waitv futex_wake get_robust_list get_thread_area getcpu getpgid getpgrp getpid "
     "getppid getsid gettid pidfd_open pidfd_send_signal prctl ptrace restart_syscall rseq "
     "set_robust_list set_thread_area set_tid_address setpgid setsid vfork wait4 waitid "
     "waitpid"},
    {"scheduling and limits", "",
     "getpriority getrlimit getrusage ioprio_get ioprio_set prlimit64 sched_get_priority_max "
     "sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler "
     "sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr "
     "sched_setparam sched_setscheduler sched_yield setpriority setrlimit ugetrlimit"},
    {"identity", "",
     "capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 "
     "getresgid getresgid32 getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid "
     "setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid "
     "setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32"},
    {"signals", "",
     "kill pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
     "rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaction "
     "sigaltstack signal sigpending sigprocmask sigreturn sigsuspend tgkill tkill"},
    {"System V and POSIX ipc", "",
     "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
     "mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop "
     "semtimedop_time64 shmat shmctl shmdt shmget"},
    {"time", "",
     "adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 "
     "clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer "
     "gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun "
     "timer_gettime timer_gettime64 timer_settime timer_settime64 times"},
    {"confining oneself further", "",
     "landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp"},
    {"the system", "", "getrandom sysinfo uname"},
    {"what only some processors have", "",
     "arch_prctl breakpoint cacheflush riscv_flush_icache riscv_hwprobe rtas "
     "s390_guarded_storage s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr "
     "s390_sthyi set_tls subpage_prot swapcontext switch_endian"},

    {"administration", "CAP_SYS_ADMIN",
     "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie "
     "lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount "
     "open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns statmount "
     "syslog umount umount2 unshare"},
    {"files by handle", "CAP_DAC_READ_SEARCH", "open_by_handle_at"},
    {"reboot", "CAP_SYS_BOOT", "reboot"},
    {"changing the root", "CAP_SYS_CHROOT", "chroot"},
    {"kernel modules", "CAP_SYS_MODULE", "delete_module finit_module init_module"},
    {"process accounting", "CAP_SYS_PACCT", "acct"},
    {"other processes", "CAP_SYS_PTRACE",
     "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev"},
    {"i/o ports", "CAP_SYS_RAWIO", "ioperm iopl"},
    {"setting the clock", "CAP_SYS_TIME", "clock_settime clock_settime64 settimeofday stime"},
    {"terminals", "CAP_SYS_TTY_CONFIG", "vhangup"},
    {"memory policy", "CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    {"the kernel's log", "CAP_SYSLOG", "syslog"},
    {"kernel programs", "CAP_BPF", "bpf"},
    {"performance counters", "CAP_PERFMON", "perf_event_open"},
};

}  // namespace

std::span<const SyscallGroup> default_syscall_groups() {
  return kGroups;
}

}  // namespace berth::runtime
