// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/exec_output.hpp"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <optional>

#include "base/cancel_event.hpp"

namespace berth::daemon {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kDrainGrace{100};
constexpr int kReadsPerRound = 64;

/// Reads what is there, but not for ever from a command that writes as fast as we read: the caller
/// has a deadline to look at. False at end of file. Beyond the limit bytes are read and dropped, so
/// that the command is never blocked by us.
bool drain(int fd, std::string& into) {
  char buffer[65536];
  for (int i = 0; i < kReadsPerRound; ++i) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    const std::size_t room = ExecOutput::kStreamLimit - into.size();
    into.append(buffer, std::min(static_cast<std::size_t>(got), room));
    if (static_cast<std::size_t>(got) < sizeof buffer) return true;
  }
  return true;
}

int timeout_ms(Clock::time_point until) {
  if (until == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30));
}

}  // namespace

Result<UniqueFd> ExecOutput::open_pipe(UniqueFd& ours) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "create pipe", "");
  ours.reset(ends[0]);
  UniqueFd theirs(ends[1]);
  // Only our end must not block; the command expects an ordinary pipe.
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0)
    return Error::from_errno(errno, "set pipe non-blocking", "");
  return theirs;
}

ExecOutput::Ending ExecOutput::collect(Clock::time_point until, std::stop_token cancel, std::string& out,
                                       std::string& err) {
  auto cancelled = CancelEvent::create(cancel);
  if (!cancelled)
    return Ending::kCancelled;  // out of descriptors: better no command than one that nobody can end
  std::optional<Clock::time_point> drain_until;
  for (;;) {
    pollfd fds[] = {{out_ ? out_.get() : -1, POLLIN, 0},
                    {err_ ? err_.get() : -1, POLLIN, 0},
                    {drain_until ? -1 : ending_.fd(), POLLIN, 0},
                    {cancelled->fd(), POLLIN, 0}};
    if (drain_until && !out_ && !err_) return Ending::kExited;
    const int ready = ::poll(fds, std::size(fds), timeout_ms(drain_until.value_or(until)));
    if (ready < 0 && errno != EINTR) return Ending::kCancelled;
    if (out_ && fds[0].revents != 0 && !drain(out_.get(), out)) out_.reset();
    if (err_ && fds[1].revents != 0 && !drain(err_.get(), err)) err_.reset();
    if (!drain_until && ending_.ended()) {
      drain_until = Clock::now() + kDrainGrace;
      continue;
    }
    if (drain_until && Clock::now() >= *drain_until) return Ending::kExited;
    if (cancel.stop_requested()) return Ending::kCancelled;
    if (!drain_until && Clock::now() >= until) return Ending::kTimeout;
  }
}

}  // namespace berth::daemon
