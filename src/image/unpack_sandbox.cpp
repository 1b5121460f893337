// SPDX-License-Identifier: Apache-2.0
#include "image/unpack_sandbox.hpp"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

namespace berth::image {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the system calls of this architecture have not been listed yet"
#endif

constexpr rlim_t kMaxOpenFiles = 1024;             // 500 layers below, at most
constexpr rlim_t kMaxAddressSpace = 1024UL << 20;  // a 128 MiB zstd window, and room

// What giving files away, making devices and setting attributes takes. SYS_ADMIN is for trusted.*
// attributes; the calls that make it dangerous are not on the list below.
constexpr std::uint32_t kKept = (1U << CAP_CHOWN) | (1U << CAP_DAC_OVERRIDE) | (1U << CAP_FOWNER) |
                                (1U << CAP_FSETID) | (1U << CAP_MKNOD) | (1U << CAP_SYS_ADMIN) |
                                (1U << CAP_SETFCAP);

// Anything else answers ENOSYS, so that a newer C library falls back to what it used before.
constexpr std::array kAllowed = {SYS_read,
                                 SYS_write,
                                 SYS_close,
                                 SYS_fstat,
                                 SYS_newfstatat,
                                 SYS_statx,
                                 SYS_lseek,
                                 SYS_openat,
                                 SYS_openat2,
                                 SYS_mkdirat,
                                 SYS_mknodat,
                                 SYS_symlinkat,
                                 SYS_linkat,
                                 SYS_unlinkat,
                                 SYS_readlinkat,
                                 SYS_fchown,
                                 SYS_fchownat,
                                 SYS_fchmod,
                                 SYS_fchmodat,
                                 SYS_utimensat,
                                 SYS_fsetxattr,
                                 SYS_lsetxattr,
                                 SYS_fgetxattr,
                                 SYS_flistxattr,
                                 SYS_getdents64,
                                 SYS_fchdir,
                                 SYS_fcntl,
                                 SYS_mmap,
                                 SYS_munmap,
                                 SYS_mremap,
                                 SYS_brk,
                                 SYS_madvise,
                                 SYS_mprotect,
                                 SYS_futex,
                                 SYS_getrandom,
                                 SYS_getpid,
                                 SYS_gettid,
                                 SYS_tgkill,
                                 SYS_clock_gettime,
                                 SYS_sched_yield,
                                 SYS_exit,
                                 SYS_exit_group,
                                 SYS_umask,
                                 SYS_geteuid,
                                 SYS_getegid,
                                 SYS_rt_sigprocmask,
                                 SYS_rt_sigaction,
                                 SYS_rt_sigreturn,
                                 SYS_restart_syscall,
                                 SYS_rseq,
                                 SYS_set_robust_list};

// A thread as the C library makes one, and nothing else that clone(2) can do; clone3(2) answers ENOSYS.
constexpr std::uint32_t kThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND |
                                       CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID |
                                       CLONE_CHILD_CLEARTID;

Error failed(const char* what) {
  return Error::from_errno(errno, what, "the layer worker");
}

Result<void> limit(int resource, rlim_t most) {
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &now) != 0) return failed("read the limits of");
  now.rlim_max = std::min(now.rlim_max, most);
  now.rlim_cur = now.rlim_max;
  if (::setrlimit(static_cast<__rlimit_resource>(resource), &now) != 0) return failed("limit");
  return {};
}

Result<void> drop_capabilities() {
  for (int cap = 0; ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; ++cap) {
    const bool keep = cap < 32 && ((kKept >> cap) & 1) != 0;
    if (!keep && ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) return failed("drop the bounding set of");
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return failed("read the capabilities of");
  const std::uint32_t kept = data[0].permitted & kKept;
  data = {};
  data[0].permitted = data[0].effective = kept;
  if (::syscall(SYS_capset, &header, data.data()) != 0) return failed("drop the capabilities of");
  return {};
}

Result<void> filter_calls() {
  std::vector<sock_filter> program;
  const auto load = [&](std::size_t offset) {
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
  };
  const auto answer = [&](std::uint32_t action) { program.push_back(BPF_STMT(BPF_RET | BPF_K, action)); };
  load(offsetof(seccomp_data, arch));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
  answer(SECCOMP_RET_KILL_PROCESS);
  load(offsetof(seccomp_data, nr));
  for (const auto number : kAllowed) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
    answer(SECCOMP_RET_ALLOW);
  }
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3));
  load(offsetof(seccomp_data, args));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kThreadFlags, 0, 1));
  answer(SECCOMP_RET_ALLOW);
  answer(SECCOMP_RET_ERRNO | ENOSYS);
  const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole, 0, 0) != 0)
    return failed("filter the system calls of");
  return {};
}

}  // namespace

Result<void> enter_unpack_sandbox(int root_fd) {
  if (::unshare(CLONE_NEWNS) != 0) return failed("make a mount namespace for");
  if (::fchdir(root_fd) != 0 || ::chroot(".") != 0) return failed("change the root directory of");
  RETURN_IF_ERROR(limit(RLIMIT_CORE, 0));
  RETURN_IF_ERROR(limit(RLIMIT_NOFILE, kMaxOpenFiles));
  if (!kSanitized) RETURN_IF_ERROR(limit(RLIMIT_AS, kMaxAddressSpace));
  RETURN_IF_ERROR(drop_capabilities());
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("bar new privileges from");
  return kSanitized ? Result<void>() : filter_calls();
}

}  // namespace berth::image
