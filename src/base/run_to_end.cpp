// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "base/cancel_event.hpp"
#include "base/subprocess.hpp"

namespace berth {
namespace {

using Clock = std::chrono::steady_clock;

// How long a grandchild that outlives the program may hold its output open.
constexpr std::chrono::seconds kGrace{1};

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "create", "a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<void> make_nonblocking(const UniqueFd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) return Error::from_errno(errno, "fcntl", "a pipe");
  return {};
}

/// write(2) to a pipe whose reader may have gone, without a SIGPIPE for this thread whatever the
/// process's disposition is.
ssize_t write_without_signal(int fd, std::string_view data) {
  sigset_t pipe_signal;
  sigset_t previous;
  sigset_t pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &previous);
  const ssize_t written = ::write(fd, data.data(), data.size());
  const int err = errno;
  if (written < 0 && err == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const timespec no_wait{};
    while (sigtimedwait(&pipe_signal, nullptr, &no_wait) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  errno = err;
  return written;
}

/// One run: feeds stdin, collects stdout and stderr, and decides when it is over.
class Session {
 public:
  Session(std::string_view input, std::size_t limit, Clock::time_point deadline, std::stop_token cancel)
      : input_(input), limit_(limit), deadline_(deadline), cancel_(std::move(cancel)) {}

  Result<Completed> run(SpawnRequest request) {
    ASSIGN_OR_RETURN(const CancelEvent cancelled, CancelEvent::create(cancel_));
    RETURN_IF_ERROR(start(request));
    feed();  // closes stdin at once when there is no input
    while (!over()) RETURN_IF_ERROR(turn(cancelled.fd()));
    // Somebody it left behind still holds its output. It is not reaped yet, so the number of its
    // session is still ours.
    if (out_ || err_) ::kill(-child_.pid(), SIGKILL);
    ASSIGN_OR_RETURN(completed_.wait_status, child_.wait());
    return std::move(completed_);
  }

 private:
  Result<void> start(SpawnRequest& request) {
    ASSIGN_OR_RETURN(Pipe in, make_pipe());
    ASSIGN_OR_RETURN(Pipe out, make_pipe());
    ASSIGN_OR_RETURN(Pipe err, make_pipe());
    RETURN_IF_ERROR(make_nonblocking(in.write_end));
    RETURN_IF_ERROR(make_nonblocking(out.read_end));
    RETURN_IF_ERROR(make_nonblocking(err.read_end));
    request.fds.emplace_back(in.read_end.get(), STDIN_FILENO);
    request.fds.emplace_back(out.write_end.get(), STDOUT_FILENO);
    request.fds.emplace_back(err.write_end.get(), STDERR_FILENO);
    request.new_session = true;
    ASSIGN_OR_RETURN(child_, Subprocess::spawn(request));
    in_ = std::move(in.write_end);
    out_ = std::move(out.read_end);
    err_ = std::move(err.read_end);
    return {};
  }

  bool over() const { return exited_at_ && ((!out_ && !err_) || Clock::now() >= *exited_at_ + kGrace); }

  Result<void> turn(int cancel_fd) {
    // An exited child stays readable, so it is waited for only once; poll(2) ignores -1.
    std::array<pollfd, 5> fds{{{in_.get(), POLLOUT, 0},
                               {out_.get(), POLLIN, 0},
                               {err_.get(), POLLIN, 0},
                               {exited_at_ ? -1 : child_.pidfd(), POLLIN, 0},
                               {exited_at_ ? -1 : cancel_fd, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), timeout()) < 0 && errno != EINTR)
      return Error::from_errno(errno, "poll", "a child process");
    if (fds[0].revents != 0) feed();
    if (fds[1].revents != 0) collect(out_, completed_.out);
    if (fds[2].revents != 0) collect(err_, completed_.err);
    if (fds[3].revents != 0) {
      exited_at_ = Clock::now();
      in_.reset();
    }
    if (exited_at_) return {};
    if (cancel_.stop_requested()) return stop(Error(Code::kCancelled, "the caller has gone"));
    if (Clock::now() >= deadline_)
      return stop(Error(Code::kDeadlineExceeded, "did not end in time and was killed"));
    return {};
  }

  int timeout() const {
    using std::chrono::milliseconds;
    const Clock::time_point until = exited_at_ ? *exited_at_ + kGrace : deadline_;
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    return static_cast<int>(std::clamp(left, milliseconds(0), milliseconds(std::chrono::hours(1))).count());
  }

  Error stop(Error why) {
    child_.kill_group_and_reap();
    return why;
  }

  void feed() {
    while (!input_.empty()) {
      const ssize_t written = write_without_signal(in_.get(), input_);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && errno == EAGAIN) return;
      if (written < 0) break;  // it does not want the rest, which is its right
      input_.remove_prefix(static_cast<std::size_t>(written));
    }
    input_ = {};
    in_.reset();
  }

  // One read per turn, so that an endless writer cannot keep us from the deadline.
  void collect(UniqueFd& from, std::string& into) const {
    std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      from.reset();
      return;
    }
    into.append(buffer.data(), std::min(static_cast<std::size_t>(got), limit_ - into.size()));
  }

  std::string_view input_;
  std::size_t limit_;
  Clock::time_point deadline_;
  std::stop_token cancel_;
  Subprocess child_;
  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
  std::optional<Clock::time_point> exited_at_;
  Completed completed_;
};

}  // namespace

Result<Completed> run_to_end(SpawnRequest request, std::string_view input, std::size_t limit,
                             std::chrono::steady_clock::time_point deadline, std::stop_token cancel) {
  const std::string frame = "run " + request.program;
  return Session(input, limit, deadline, std::move(cancel)).run(std::move(request)).context(frame);
}

}  // namespace berth
