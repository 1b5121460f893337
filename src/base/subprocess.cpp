// SPDX-License-Identifier: Apache-2.0
#include "base/subprocess.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/cancel_event.hpp"
#include "base/cat.hpp"

namespace berth {
namespace {

/// File actions and attributes of one posix_spawn, and the descriptors they mention.
class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  Result<void> prepare(const SpawnRequest& request) {
    int highest = STDERR_FILENO;
    for (const auto& [ours, theirs] : request.fds) highest = std::max(highest, theirs);
    std::vector<bool> mapped(static_cast<std::size_t>(highest) + 1, false);
    // Sources move out of the way of all targets first, so that no mapping overwrites the source
    // of a later one, and none maps a number to itself, which would leave it CLOEXEC.
    for (const auto& [ours, theirs] : request.fds) {
      UniqueFd source(::fcntl(ours, F_DUPFD_CLOEXEC, highest + 1));
      if (!source) return Error::from_errno(errno, "duplicate descriptor", std::to_string(ours));
      RETURN_IF_ERROR(check(::posix_spawn_file_actions_adddup2(&actions_, source.get(), theirs)));
      mapped[static_cast<std::size_t>(theirs)] = true;
      sources_.push_back(std::move(source));
    }
    for (int fd = 0; fd <= highest; ++fd) {
      if (mapped[static_cast<std::size_t>(fd)]) continue;
      RETURN_IF_ERROR(check(fd <= STDERR_FILENO
                                ? ::posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", O_RDWR, 0)
                                : ::posix_spawn_file_actions_addclose(&actions_, fd)));
    }
    RETURN_IF_ERROR(check(::posix_spawn_file_actions_addclosefrom_np(&actions_, highest + 1)));
    return set_attributes(request.new_session);
  }

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  static Result<void> check(int err) {
    if (err != 0) return Error::from_errno(err, "prepare", "a child process");
    return {};
  }

  Result<void> set_attributes(bool new_session) {
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    const int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (new_session ? POSIX_SPAWN_SETSID : 0);
    RETURN_IF_ERROR(check(::posix_spawnattr_setsigmask(&attributes_, &none)));
    RETURN_IF_ERROR(check(::posix_spawnattr_setsigdefault(&attributes_, &all)));
    return check(::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags)));
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  std::vector<UniqueFd> sources_;
};

std::vector<char*> c_strings(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The child closes our descriptors before it executes, but ours stay open until it did.
std::string resolve_program(const std::string& program) {
  constexpr std::string_view kSelf = "/proc/self/fd/";
  if (!program.starts_with(kSelf)) return program;
  return cat("/proc/", ::getpid(), "/fd/", std::string_view(program).substr(kSelf.size()));
}

Result<int> reap(int pidfd) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0) {
    if (errno != EINTR) return Error::from_errno(errno, "wait for", "a child process");
  }
  if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
  return info.si_code == CLD_DUMPED ? info.si_status | 0x80 : info.si_status;
}

Error nothing_to_wait_for() {
  return {Code::kFailedPrecondition, "there is no child process to wait for"};
}

}  // namespace

Result<Subprocess> Subprocess::spawn(const SpawnRequest& request) {
  SpawnPlan plan;
  RETURN_IF_ERROR(plan.prepare(request).context("run " + request.program));
  std::vector<char*> argv = c_strings(request.argv);
  std::vector<char*> env = c_strings(request.env);
  Subprocess child;
  const int err = ::posix_spawn(&child.pid_, resolve_program(request.program).c_str(), plan.actions(),
                                plan.attributes(), argv.data(), env.data());
  if (err != 0) {
    child.pid_ = -1;
    return Error::from_errno(err, "run", request.program);
  }
  child.session_ = request.new_session;
  // Only we reap it, so until then its number cannot be anybody else's.
  child.pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
  if (!child.pidfd_) return Error::from_errno(errno, "open a descriptor of the process of", request.program);
  return child;
}

Subprocess::Subprocess(Subprocess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)), session_(other.session_) {}

Subprocess& Subprocess::operator=(Subprocess&& other) noexcept {
  if (this != &other) {
    kill_group_and_reap();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    session_ = other.session_;
  }
  return *this;
}

Subprocess::~Subprocess() {
  kill_group_and_reap();
}

Result<int> Subprocess::wait() {
  if (pid_ < 0) return nothing_to_wait_for();
  ASSIGN_OR_RETURN(const int status, reap(pidfd_.get()));
  release();
  return status;
}

Result<int> Subprocess::wait_until(std::chrono::steady_clock::time_point deadline, std::stop_token cancel) {
  using std::chrono::milliseconds;
  if (pid_ < 0) return nothing_to_wait_for();
  ASSIGN_OR_RETURN(const CancelEvent cancelled, CancelEvent::create(cancel));
  std::array<pollfd, 2> fds{{{pidfd_.get(), POLLIN, 0}, {cancelled.fd(), POLLIN, 0}}};
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto timeout = std::clamp(left, milliseconds(0), milliseconds(std::chrono::hours(1)));
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
    if (ready < 0 && errno != EINTR) return Error::from_errno(errno, "poll", "a child process");
    if (ready > 0 && fds[0].revents != 0) return wait();
    if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
    if (left <= milliseconds(0))
      return Error(Code::kDeadlineExceeded, cat("process ", pid_, " is still running"));
  }
}

void Subprocess::kill_group_and_reap() {
  if (pid_ < 0) return;
  // The number is still ours: nobody else reaps it, and a session outlives its leader's zombie.
  ::kill(session_ ? -pid_ : pid_, SIGKILL);
  if (pidfd_) {
    (void)reap(pidfd_.get());
  } else {
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  release();
}

void Subprocess::release() {
  pid_ = -1;
  pidfd_.reset();
}

std::string describe_wait_status(int status) {
  if (WIFEXITED(status)) return cat("exit status ", WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return cat("wait status ", status);
  const char* name = ::sigdescr_np(WTERMSIG(status));
  return cat("killed by signal ", WTERMSIG(status), " (",
             std::string_view(name == nullptr ? "unknown" : name), ")");
}

}  // namespace berth
