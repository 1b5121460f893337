// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim_spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <new>

// The child of CLONE_VM runs on our stack while we are suspended, so the call itself must not leave
// a return address there for the child to overwrite: it cannot be a function of the C library. The
// sanitizers' view of a stack does not survive that; they get a copy of the memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BERTH_SHARE_MEMORY 0
#elif defined(__x86_64__) || defined(__aarch64__)
#define BERTH_SHARE_MEMORY 1
#else
#define BERTH_SHARE_MEMORY 0
#endif

namespace berth::runtime {
namespace {

/// What went wrong in the child, where both see it: also where the child has a copy of the memory.
struct Outcome {
  volatile int err = 0;
  const char* volatile failed = nullptr;
};
struct Unmap {
  void operator()(Outcome* outcome) const { ::munmap(outcome, sizeof *outcome); }
};

/// What the child works on: made before it, only read by it.
struct Job {
  int program = -1;
  char* const* argv = nullptr;
  std::vector<std::pair<int, int>> fds;  // sources above all targets
  std::vector<int> tasks;
  int highest = STDERR_FILENO;
  Outcome* outcome = nullptr;
};

long child_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  return ::syscall(number, a, b, c, d, e);
}

[[noreturn]] void fail(const Job& job, const char* what) {
  job.outcome->failed = what;
  job.outcome->err = errno;
  for (;;) child_call(SYS_exit_group, 127);
}

/// Only system calls: another thread may hold any lock.
[[noreturn, gnu::noinline]] void become_program(const Job& job) {
  for (const int tasks : job.tasks) {
    if (::write(tasks, "0", 1) != 1) fail(job, "join a cgroup as");
  }
  ::setsid();
  const int null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null_fd < 0) fail(job, "open /dev/null for");
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (::dup2(null_fd, fd) < 0) fail(job, "open /dev/null for");
  }
  for (const auto& [ours, theirs] : job.fds) {
    if (::dup2(ours, theirs) < 0) fail(job, "pass a descriptor to");
  }
  // Not closed yet: the program is one of them.
  child_call(SYS_close_range, job.highest + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  char* const no_environment[] = {nullptr};
  child_call(SYS_execveat, job.program, reinterpret_cast<long>(""), reinterpret_cast<long>(job.argv),
             reinterpret_cast<long>(no_environment), AT_EMPTY_PATH);
  fail(job, "execute");
}

/// The child's number, or minus an errno.
[[gnu::noinline]] long clone_child(clone_args& args, const Job& job) {
#if BERTH_SHARE_MEMORY && defined(__x86_64__)
  long result = SYS_clone3;
  asm volatile("syscall" : "+a"(result) : "D"(&args), "S"(sizeof args) : "rcx", "r11", "memory");
#elif BERTH_SHARE_MEMORY
  register long result asm("x0") = reinterpret_cast<long>(&args);
  register long size asm("x1") = sizeof args;
  register long number asm("x8") = SYS_clone3;
  asm volatile("svc 0" : "+r"(result) : "r"(size), "r"(number) : "memory");
#else
  args.flags &= ~static_cast<__u64>(CLONE_VM);
  long result = ::syscall(SYS_clone3, &args, sizeof args);
  if (result < 0) result = -errno;
#endif
  if (result == 0) become_program(job);
  return result;
}

/// A handler of ours must not run in the child, on our memory.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_{};
};

/// Sources move above all targets, so that no mapping overwrites the source of a later one.
Result<std::vector<UniqueFd>> move_sources(const ShimSpawn& request, Job& job) {
  std::vector<UniqueFd> moved;
  for (const auto& [ours, theirs] : request.fds) job.highest = std::max(job.highest, theirs);
  for (const auto& [ours, theirs] : request.fds) {
    UniqueFd source(::fcntl(ours, F_DUPFD_CLOEXEC, job.highest + 1));
    if (!source) return Error::from_errno(errno, "duplicate descriptor", std::to_string(ours));
    job.fds.emplace_back(source.get(), theirs);
    moved.push_back(std::move(source));
  }
  UniqueFd program(::fcntl(request.program, F_DUPFD_CLOEXEC, job.highest + 1));
  if (!program) return Error::from_errno(errno, "duplicate descriptor", std::to_string(request.program));
  job.program = program.get();
  moved.push_back(std::move(program));
  return moved;
}

}  // namespace

Result<UniqueFd> spawn_in_cgroup(const ShimSpawn& request) {
  Job job;
  ASSIGN_OR_RETURN(const std::vector<UniqueFd> sources, move_sources(request, job));
  std::vector<char*> argv;
  for (const char* word : request.argv) argv.push_back(const_cast<char*>(word));
  argv.push_back(nullptr);
  job.argv = argv.data();
  void* const shared =
      ::mmap(nullptr, sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return Error::from_errno(errno, "map memory for", request.argv.front());
  const std::unique_ptr<Outcome, Unmap> outcome(new (shared) Outcome);
  job.outcome = outcome.get();
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<__u64>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (request.group != nullptr) {
    for (const UniqueFd& tasks : request.group->tasks) job.tasks.push_back(tasks.get());
    if (request.group->v2) {
      args.flags |= CLONE_INTO_CGROUP;
      args.cgroup = static_cast<__u64>(request.group->v2.get());
    }
  }
  long child = 0;
  {
    const BlockedSignals blocked;
    child = clone_child(args, job);
  }
  if (child < 0) return Error::from_errno(static_cast<int>(-child), "clone", request.argv.front());
  UniqueFd handle(pidfd);
  if (outcome->err == 0) return handle;
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(handle.get()), &info, WEXITED);
  return Error::from_errno(outcome->err, outcome->failed, request.argv.front());
}

}  // namespace berth::runtime
