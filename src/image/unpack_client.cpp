// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/cancel_event.hpp"
#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/subprocess.hpp"
#include "image/tar_stream.hpp"
#include "image/unpack_report.hpp"

namespace berth::image {
namespace {

constexpr int kPipeSize = 1024 * 1024;

struct Pipe {
  UniqueFd read_end, write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "create", "a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// write(2) to a worker that may have gone, without a SIGPIPE for this thread.
ssize_t write_quietly(int fd, std::span<const std::byte> data) {
  sigset_t pipe_signal;
  sigset_t previous;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &previous);
  const ssize_t written = ::write(fd, data.data(), data.size());
  const int err = errno;
  if (written < 0 && err == EPIPE && sigismember(&previous, SIGPIPE) == 0) {
    const timespec no_wait{};
    while (::sigtimedwait(&pipe_signal, nullptr, &no_wait) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  errno = err;
  return written;
}

Error cancelled() {
  return {Code::kCancelled, "unpacking was cancelled"};
}

class WorkerSink final : public LayerSink {
 public:
  WorkerSink(Subprocess worker, UniqueFd data, UniqueFd report, CancelEvent cancel, std::stop_token token)
      : data_(std::move(data)),
        report_(std::move(report)),
        cancel_(std::move(cancel)),
        token_(std::move(token)),
        worker_(std::move(worker)) {}

  Result<void> write(std::span<const std::byte> data) override {
    while (!data.empty()) {
      if (token_.stop_requested()) return stop(cancelled());
      if (!data_) return broken();
      const ssize_t written = write_quietly(data_.get(), data);
      if (written >= 0) {
        data = data.subspan(static_cast<std::size_t>(written));
      } else if (errno == EPIPE) {
        data_.reset();
      } else if (errno == EAGAIN) {
        RETURN_IF_ERROR(wait_for(data_.get(), POLLOUT));
      } else if (errno != EINTR) {
        return stop(Error::from_errno(errno, "write to", "the layer worker"));
      }
    }
    return {};
  }

  Result<Applied> finish() override {
    data_.reset();
    if (outcome_) return *outcome_;
    std::string text;
    std::array<char, 4096> buffer{};
    while (text.size() <= kMaxUnpackReport) {
      if (auto ready = wait_for(report_.get(), POLLIN); !ready) return std::move(ready).error();
      const ssize_t got = ::read(report_.get(), buffer.data(), buffer.size());
      if (got == 0) break;
      if (got < 0 && errno != EINTR)
        return stop(Error::from_errno(errno, "read", "the layer worker's report"));
      if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    outcome_ = conclude(text);
    return *outcome_;
  }

 private:
  Result<Applied> conclude(const std::string& text) {
    // It has closed its report, so it is at its end, or stuck there.
    ASSIGN_OR_RETURN(const int status,
                     worker_.wait_until(std::chrono::steady_clock::now() + std::chrono::seconds(30), token_));
    if (!text.empty()) return parse_unpack_report(text);
    return Error(Code::kInternal, cat("the layer worker gave no report: ", describe_wait_status(status)));
  }

  Error broken() {
    auto story = finish();
    if (!story) return std::move(story).error();
    return {Code::kInternal, "the layer worker has ended before its input"};
  }

  /// Kills the worker; every later call tells the same story.
  Error stop(Error why) {
    worker_.kill_group_and_reap();
    data_.reset();
    outcome_ = why;
    return why;
  }

  Result<void> wait_for(int fd, short events) {
    while (true) {
      std::array<pollfd, 2> fds{{{fd, events, 0}, {cancel_.fd(), POLLIN, 0}}};
      const int ready = ::poll(fds.data(), fds.size(), -1);
      if (ready < 0 && errno != EINTR) return stop(Error::from_errno(errno, "poll", "the layer worker"));
      if (token_.stop_requested()) return stop(cancelled());
      if (ready > 0 && fds[0].revents != 0) return {};
    }
  }

  UniqueFd data_, report_;
  CancelEvent cancel_;
  std::stop_token token_;
  std::optional<Result<Applied>> outcome_;
  Subprocess worker_;
};

Result<Subprocess> spawn_worker(const UnpackRequest& request, int input, int report) {
  SpawnRequest spawn;
  spawn.program = request.program;
  spawn.argv = {"berth-unpack", cat("--lowers=", request.lower_dirs.size()),
                cat("--incomplete=", request.lowers_complete ? 0 : 1), cat("--max-bytes=", request.max_bytes),
                cat("--max-entries=", request.max_entries)};
  spawn.fds = {{input, 0}, {report, 1}};
  ASSIGN_OR_RETURN(const UniqueFd target,
                   open_at(kCwd, request.target_dir, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  spawn.fds.emplace_back(target.get(), 3);
  std::vector<UniqueFd> lowers;
  for (const std::string& path : request.lower_dirs) {
    ASSIGN_OR_RETURN(UniqueFd lower, open_at(kCwd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    spawn.fds.emplace_back(lower.get(), static_cast<int>(4 + lowers.size()));
    lowers.push_back(std::move(lower));
  }
  return Subprocess::spawn(spawn);
}

}  // namespace

Result<std::unique_ptr<LayerSink>> start_unpack(const UnpackRequest& request, std::stop_token cancel) {
  if (cancel.stop_requested()) return cancelled();
  ASSIGN_OR_RETURN(Pipe data, make_pipe());
  ASSIGN_OR_RETURN(Pipe report, make_pipe());
  // A larger pipe means fewer switches between the two processes; without one it works, too.
  (void)::fcntl(data.write_end.get(), F_SETPIPE_SZ, kPipeSize);
  if (::fcntl(data.write_end.get(), F_SETFL, O_NONBLOCK) != 0)
    return Error::from_errno(errno, "fcntl", "a pipe");
  ASSIGN_OR_RETURN(CancelEvent event, CancelEvent::create(cancel));
  ASSIGN_OR_RETURN(Subprocess worker, spawn_worker(request, data.read_end.get(), report.write_end.get()));
  return std::unique_ptr<LayerSink>(std::make_unique<WorkerSink>(std::move(worker), std::move(data.write_end),
                                                                 std::move(report.read_end), std::move(event),
                                                                 std::move(cancel)));
}

}  // namespace berth::image
