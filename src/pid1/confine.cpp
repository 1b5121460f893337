// SPDX-License-Identifier: Apache-2.0
#include "pid1/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArch = AUDIT_ARCH_AARCH64;
#else
#error "which audit architecture is this?"
#endif

constexpr unsigned kAllowed[] = {
    // waiting
    SYS_epoll_pwait,
    SYS_epoll_ctl,
    SYS_epoll_create1,
    SYS_futex,
    SYS_ppoll,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_restart_syscall,
    SYS_sched_yield,
    // descriptors
    SYS_read,
    SYS_readv,
    SYS_pread64,
    SYS_write,
    SYS_writev,
    SYS_close,
    SYS_close_range,
    SYS_dup,
    SYS_dup3,
    SYS_fcntl,
    SYS_lseek,
    SYS_ioctl,
    SYS_pipe2,
    SYS_eventfd2,
    SYS_splice,
    SYS_tee,
    // the control socket, and those between the shim and its children
    SYS_socketpair,
    SYS_accept4,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_sendto,
    SYS_recvfrom,
    SYS_shutdown,
    SYS_getsockopt,
    SYS_setsockopt,
    // logs, exit records, what procfs says
    SYS_openat,
    SYS_openat2,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_renameat,
    SYS_renameat2,
    SYS_unlinkat,
    // children
    SYS_wait4,
    SYS_waitid,
    SYS_kill,
    SYS_tgkill,
    SYS_pidfd_open,
    SYS_pidfd_send_signal,
    // memory and threads; see also below
    SYS_munmap,
    SYS_madvise,
    SYS_brk,
    SYS_exit,
    SYS_exit_group,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_rt_sigreturn,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_membarrier,
    SYS_gettid,
    SYS_getpid,
    SYS_geteuid,
    SYS_getuid,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
    SYS_poll,
    SYS_rename,
    SYS_unlink,
    SYS_open,
#endif
};

/// A system call of which only some are allowed, by the bits of one argument.
struct Masked {
  unsigned call;
  unsigned argument;
  unsigned mask;    // of its lower half ...
  unsigned wanted;  // ... these bits
};
constexpr Masked kMasked[] = {
    {SYS_mmap, 2, PROT_EXEC, 0},
    {SYS_mprotect, 2, PROT_EXEC, 0},
    {SYS_clone, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM},  // a writer of logs ...
    {SYS_unshare, 0, ~0U, CLONE_FILES},                                // ... has descriptors ...
    {SYS_prctl, 0, ~0U, PR_SET_NAME},                                  // ... and a name of its own
};

class Filter {
 public:
  void add(sock_filter instruction) { code_[size_++] = instruction; }
  void allow(unsigned call) {
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  void allow_if(const Masked& rule) {
    constexpr auto kFirst = static_cast<unsigned>(offsetof(seccomp_data, args));
    const unsigned at = kFirst + rule.argument * static_cast<unsigned>(sizeof(uint64_t));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule.call, 0, 5));
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at));
    add(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule.mask));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule.wanted, 0, 1));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }
  int install() {
    const sock_fprog program = {size_, code_};
    return sys::error_of(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
  }

 private:
  static constexpr unsigned kCalls = sizeof kAllowed / sizeof kAllowed[0];
  static constexpr unsigned kRules = sizeof kMasked / sizeof kMasked[0];
  unsigned short size_ = 0;
  sock_filter code_[8 + 2 * kCalls + 6 * kRules];
};

}  // namespace

int confine_loop() {
  Filter filter;
  filter.add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
  filter.add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0));
  filter.add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  filter.add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const unsigned call : kAllowed) filter.allow(call);
  for (const Masked& rule : kMasked) filter.allow_if(rule);
  filter.add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  return filter.install();
}

}  // namespace berth::pid1
