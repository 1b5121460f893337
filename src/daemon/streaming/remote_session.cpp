// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/remote_session.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace berth::daemon::streaming {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kChunk = 256 << 10;
constexpr std::size_t kMaxStdin = 256 << 10;  // waiting for the program
constexpr std::size_t kMaxReplies = 1 << 20;  // waiting for the client before it is no longer read
constexpr std::chrono::milliseconds kDrainGrace{100};
constexpr std::size_t kMaxLastWords = 4 << 20;  // after its end, when somebody else goes on writing
constexpr std::chrono::seconds kGoodbyePatience{30};
constexpr std::chrono::seconds kLinger{5};

int milliseconds_until(Clock::time_point when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3600 * 1000));
}

bool would_block() {
  return errno == EAGAIN || errno == EINTR;
}

std::unique_ptr<RemoteChannels> channels_for(const Upgrade& upgrade, WantedChannels wanted,
                                             ChannelEvents& events, OutQueue& out) {
  if (upgrade.websocket)
    return websocket_remote_channels(upgrade.version, upgrade.base64, wanted, events, out);
  return spdy_channels(upgrade.version, wanted, events, out);
}

}  // namespace

/// What is waited for. The order is fixed; -1 is not waited for.
struct RemoteSession::Poll {
  enum Index : unsigned char { kClient, kStdin, kStdout, kStderr, kEnded, kStop, kCount };
  pollfd fds[kCount];
  int wait(Clock::time_point until) { return ::poll(fds, kCount, milliseconds_until(until)); }
  short operator[](Index index) const { return fds[index].revents; }
  bool takes(Index index) const { return fds[index].events != 0 && fds[index].revents != 0; }
};

RemoteSession::RemoteSession(ClientSocket& client, const Upgrade& upgrade, WantedChannels wanted,
                             std::string early, Limits limits)
    : client_(client),
      limits_(limits),
      channels_(channels_for(upgrade, wanted, *this, out_)),
      early_(std::move(early)),
      buffer_(std::make_unique_for_overwrite<char[]>(kChunk)) {}

bool RemoteSession::wait_for_channels() {
  const auto until = Clock::now() + kCreationPatience;
  take(early_);
  while (!gone_ && !channels_->complete()) {
    Poll poll{};
    fill(poll, -1);
    const int wait = client_.has_buffered() ? 1 : poll.wait(until);
    if (wait == 0 && Clock::now() >= until) return false;
    if (poll[Poll::kStop] != 0) return false;
    serve(poll);
  }
  return !gone_;
}

RemoteSession::Ending RemoteSession::relay(ProgramEnds program, int ended_fd,
                                           const std::function<void()>& stdin_ended) {
  program_ = std::move(program);
  has_program_ = true;
  on_stdin_end_ = stdin_ended;
  apply_size();
  if (!program_.in) stdin_.sent(stdin_.size());
  write_stdin();  // or its end, if that came first
  std::optional<Clock::time_point> drain_until;
  for (;;) {
    const bool drained = !program_.out && !program_.err;
    if (gone_) return Ending::kClientGone;
    if (drained && (drain_until || ended_fd < 0)) return Ending::kProgramEnded;
    Poll poll{};
    fill(poll, drain_until ? -1 : ended_fd);
    const bool buffered = client_.has_buffered() && wants_client();
    // While the client is slow, the program's last words may take as long as they need.
    const auto until = drain_until && out_.empty() ? *drain_until : active_ + limits_.idle;
    poll.wait(buffered ? Clock::now() : until);
    if (poll[Poll::kStop] != 0) return Ending::kStopped;
    const bool is_silent = poll[Poll::kStdout] == 0 && poll[Poll::kStderr] == 0;
    if (drain_until && out_.empty() && Clock::now() >= *drain_until &&
        (is_silent || last_words_ > kMaxLastWords))
      return Ending::kProgramEnded;
    serve(poll);
    if (poll[Poll::kEnded] != 0) {
      drain_until = Clock::now() + kDrainGrace;
      last_words_ = 0;
    }
    if (Clock::now() >= active_ + limits_.idle) return Ending::kIdle;
  }
}

bool RemoteSession::wants_client() const {
  return stdin_.size() < kMaxStdin && out_.size() < kMaxReplies;
}

void RemoteSession::fill(Poll& poll, int ended_fd) const {
  const auto client_events = (wants_client() ? POLLIN : 0) | (out_.empty() ? 0 : POLLOUT) | POLLRDHUP;
  // Output is read when the last of it has gone: the client's pace is the program's.
  const bool takes_output = out_.empty();
  // Its end is noted when it comes.
  const short output_events = takes_output ? POLLIN : 0;
  const auto output = [&](const UniqueFd& fd) {
    return fd && (takes_output || !output_ended_) ? fd.get() : -1;
  };
  poll.fds[Poll::kClient] = {client_.fd(), static_cast<short>(client_events), 0};
  // A pipe tells that nobody reads it any more; a terminal would tell for ever.
  const bool watches_stdin =
      program_.in && (!stdin_.empty() || !(program_.out_is_terminal || program_.terminal));
  poll.fds[Poll::kStdin] = {watches_stdin ? program_.in.get() : -1,
                            static_cast<short>(stdin_.empty() ? 0 : POLLOUT), 0};
  poll.fds[Poll::kStdout] = {output(program_.out), output_events, 0};
  poll.fds[Poll::kStderr] = {output(program_.err), output_events, 0};
  poll.fds[Poll::kEnded] = {ended_fd, POLLIN, 0};
  poll.fds[Poll::kStop] = {limits_.stop_fd, POLLIN, 0};
}

void RemoteSession::serve(const Poll& poll) {
  if (((poll[Poll::kStdout] | poll[Poll::kStderr]) & POLLHUP) != 0 && !output_ended_)
    output_ended_ = std::chrono::system_clock::now();
  if (poll.takes(Poll::kStdout)) read_output(program_.out, Channel::kStdout);
  if (poll.takes(Poll::kStderr)) read_output(program_.err, Channel::kStderr);
  const short client = poll[Poll::kClient];
  if ((client & POLLIN) != 0 || (client_.has_buffered() && wants_client())) {
    read_client();
  } else if ((client & (POLLHUP | POLLERR | POLLRDHUP)) != 0) {
    gone_ = true;
  }
  if (poll[Poll::kStdin] != 0 || !stdin_.empty()) write_stdin();
  if ((poll[Poll::kStdin] & POLLERR) != 0 && stdin_.empty()) program_.in.reset();
  write_client();
}

void RemoteSession::take(std::span<char> bytes) {
  auto understood = channels_->feed(bytes);
  if (understood) return;
  channels_->say_why(understood.error());
  write_client();
  gone_ = true;
}

void RemoteSession::read_client() {
  std::size_t count = 0;
  switch (client_.read({buffer_.get(), kChunk}, count)) {
    case ClientSocket::Io::kGone:
      gone_ = true;
      return;
    case ClientSocket::Io::kAgain:
      return;
    case ClientSocket::Io::kDone:
      active_ = Clock::now();
      return take({buffer_.get(), count});
  }
}

void RemoteSession::write_client() {
  if (out_.empty()) return;
  const std::size_t before = out_.size();
  if (client_.write(out_) == ClientSocket::Io::kGone) gone_ = true;
  if (out_.size() != before) active_ = Clock::now();
}

void RemoteSession::write_stdin() {
  while (program_.in && !stdin_.empty()) {
    const auto bytes = stdin_.pending();
    const ssize_t written = ::write(program_.in.get(), bytes.data(), bytes.size());
    if (written < 0 && would_block()) return;
    if (written < 0) {  // it reads no more, and that is its right
      stdin_.sent(stdin_.size());
      program_.in.reset();
      return;
    }
    stdin_.sent(static_cast<std::size_t>(written));
  }
  if (!stdin_done_ || !has_program_ || !stdin_.empty()) return;
  program_.in.reset();
  if (const auto told = std::exchange(on_stdin_end_, {})) told();
}

void RemoteSession::read_output(UniqueFd& from, Channel channel) {
  const ssize_t got = ::read(from.get(), buffer_.get(), kChunk);
  if (got < 0 && would_block()) return;
  if (got <= 0) {  // a terminal's end is EIO
    from.reset();
    if (program_.out_is_terminal) program_.in.reset();
    channels_->end(channel);
    return;
  }
  active_ = Clock::now();
  last_words_ += static_cast<std::size_t>(got);
  channels_->send(channel, {buffer_.get(), static_cast<std::size_t>(got)});
}

void RemoteSession::stdin_bytes(std::string_view bytes) {
  if (stdin_done_ || (has_program_ && !program_.in)) return;
  stdin_.add(bytes);
}

void RemoteSession::stdin_ended() {
  stdin_done_ = true;
  if (stdin_.empty()) write_stdin();
}

void RemoteSession::resized(std::uint16_t columns, std::uint16_t rows) {
  columns_ = columns;
  rows_ = rows;
  apply_size();
}

void RemoteSession::apply_size() {
  const int terminal = program_.terminal ? program_.terminal.get() : program_.out.get();
  if (columns_ == 0 || (!program_.terminal && !program_.out_is_terminal) || terminal < 0) return;
  winsize size{};
  size.ws_col = columns_;
  size.ws_row = rows_;
  (void)::ioctl(terminal, TIOCSWINSZ, &size);
}

void RemoteSession::finish(const RemoteStatus& status) {
  program_ = {};
  channels_->finish(status.json, status.text);
  const auto until = Clock::now() + kGoodbyePatience;
  pollfd waiting[2] = {{client_.fd(), POLLOUT, 0}, {limits_.stop_fd, POLLIN, 0}};
  for (write_client(); !gone_ && !out_.empty() && Clock::now() < until; write_client()) {
    ::poll(waiting, 2, milliseconds_until(until));
    if (waiting[1].revents != 0) return;
  }
  if (gone_) return;
  client_.end_writing();
  // Bytes that lie here unread would make the kernel reset the connection, and what the client has
  // not read yet would be lost to it.
  const auto linger_until = Clock::now() + kLinger;
  waiting[0].events = POLLIN;
  while (Clock::now() < linger_until) {
    ::poll(waiting, 2, milliseconds_until(linger_until));
    std::size_t count = 0;
    if (waiting[1].revents != 0 || client_.read({buffer_.get(), kChunk}, count) == ClientSocket::Io::kGone)
      return;
  }
}

}  // namespace berth::daemon::streaming
