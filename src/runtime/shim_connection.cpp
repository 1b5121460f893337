// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim_connection.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/cat.hpp"
#include "base/log.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxFds = 253;  // SCM_MAX_FD

// More objects than a pod can have; what a shim sends beyond is not a list any more.
constexpr std::size_t kMaxItems = 65536;

/// A control message with descriptors, laid out for sendmsg.
class FdMessage {
 public:
  FdMessage(const std::vector<std::byte>& packet, const std::vector<UniqueFd>& fds) {
    data_.iov_base = const_cast<std::byte*>(packet.data());
    data_.iov_len = packet.size();
    header_.msg_iov = &data_;
    header_.msg_iovlen = 1;
    if (fds.empty()) return;
    std::vector<int> numbers;
    for (const UniqueFd& fd : fds) numbers.push_back(fd.get());
    const std::size_t bytes = numbers.size() * sizeof(int);
    control_.resize(CMSG_SPACE(bytes));
    header_.msg_control = control_.data();
    header_.msg_controllen = control_.size();
    cmsghdr* const control = CMSG_FIRSTHDR(&header_);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(control), numbers.data(), bytes);
  }
  FdMessage(const FdMessage&) = delete;
  FdMessage& operator=(const FdMessage&) = delete;
  const msghdr* get() const { return &header_; }

 private:
  iovec data_{};
  std::vector<char> control_;
  msghdr header_{};
};

bool wait_writable(int socket, ShimConnection::Deadline deadline) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  if (left <= milliseconds(0)) return false;
  pollfd ready{socket, POLLOUT, 0};
  ::poll(&ready, 1, static_cast<int>(std::min(left, milliseconds(60000)).count()));
  return true;
}

/// At most one descriptor comes along; the kernel closes what there is no room for.
UniqueFd fd_of(msghdr& header) {
  const cmsghdr* const control = CMSG_FIRSTHDR(&header);
  if (control == nullptr || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS ||
      control->cmsg_len < CMSG_LEN(sizeof(int))) {
    return UniqueFd();
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
  return UniqueFd(fd);
}

}  // namespace

ShimConnection::ShimConnection(UniqueFd socket, std::string name, Reactor& reactor, Handlers handlers)
    : socket_(std::move(socket)), name_(std::move(name)), reactor_(reactor), handlers_(std::move(handlers)) {}

ShimConnection::~ShimConnection() {
  close();
}

Result<void> ShimConnection::open() {
  {
    const std::lock_guard lock(mutex_);
    connected_ = true;
  }
  // Weak: the reactor must not keep alive what removes itself from it in its destructor.
  auto watching = reactor_.watch(socket_.get(), EPOLLIN, [weak = weak_from_this()](std::uint32_t events) {
    if (const auto self = weak.lock()) self->receive(events);
  });
  const std::lock_guard lock(mutex_);
  if (!watching) {
    connected_ = false;
    return std::move(watching).error();
  }
  token_ = *watching;
  return {};
}

void ShimConnection::close() {
  Reactor::Token token = 0;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    token = std::exchange(token_, 0);
  }
  if (token != 0) reactor_.remove(token);
  fail_all();
}

bool ShimConnection::connected() const {
  const std::lock_guard lock(mutex_);
  return connected_;
}

Error ShimConnection::gone() const {
  return {Code::kUnavailable, cat(name_, " is gone")};
}

Result<ShimConnection::Answer> ShimConnection::call(shim::Type type, Bytes body, std::vector<UniqueFd> fds,
                                                    Deadline deadline) {
  if (fds.size() > kMaxFds)
    return Error(Code::kInvalidArgument, cat(fds.size(), " descriptors do not fit into one message"));
  Pending mine;
  std::uint64_t seq = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!connected_) return gone();
    seq = next_seq_++;
    pending_.emplace(seq, &mine);
  }
  const auto sent = send(encode_message(type, seq, body), fds, deadline);
  fds.clear();
  std::unique_lock lock(mutex_);
  if (sent) mine.wake.wait_until(lock, deadline, [&mine] { return mine.done || mine.lost; });
  pending_.erase(seq);
  if (mine.done) return std::move(mine.answer);
  if (mine.lost) return gone();
  if (!sent) return Error(sent.error());
  return Error(Code::kDeadlineExceeded, cat(name_, " did not answer in time"));
}

Result<void> ShimConnection::send(const std::vector<std::byte>& packet, const std::vector<UniqueFd>& fds,
                                  Deadline deadline) const {
  const FdMessage message(packet, fds);
  while (::sendmsg(socket_.get(), message.get(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return gone();
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Error::from_errno(errno, "send to", name_);
    // A stopped shim, whose queue is full.
    if (!wait_writable(socket_.get(), deadline))
      return Error(Code::kDeadlineExceeded, cat(name_, " does not take requests"));
  }
  return {};
}

void ShimConnection::receive(std::uint32_t events) {
  // Bounded, so that one busy shim does not starve the others; the rest makes epoll report again.
  constexpr int kBatch = 64;
  for (int i = 0; i < kBatch; ++i) {
    Result<bool> more = receive_one();
    if (!more) return lose(more.error().to_string());
    if (!*more) break;
  }
  if ((events & EPOLLIN) == 0 && (events & (EPOLLHUP | EPOLLERR)) != 0) lose("it hung up");
}

// False: nothing more for now.
Result<bool> ShimConnection::receive_one() {
  std::array<std::byte, shim::kMaxMessage> buffer;
  iovec data{buffer.data(), buffer.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (got < 0) return Error::from_errno(errno, "receive from", name_);
  UniqueFd fd = fd_of(header);
  if (got == 0) return Error(Code::kUnavailable, "it hung up");
  if ((header.msg_flags & MSG_TRUNC) != 0)
    return Error(Code::kInternal, "the shim sent a packet that is too long");
  RETURN_IF_ERROR(dispatch(Bytes(buffer).first(static_cast<std::size_t>(got)), std::move(fd)));
  return true;
}

Result<void> ShimConnection::dispatch(Bytes packet, UniqueFd fd) {
  ASSIGN_OR_RETURN(const ShimMessage message, decode_message(packet));
  const bool is_answer =
      message.header.type == shim::Type::kReply || message.header.type == shim::Type::kListItem;
  return is_answer ? take_answer(message, std::move(fd)) : take_event(message);
}

Result<void> ShimConnection::take_answer(const ShimMessage& message, UniqueFd fd) {
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(message.header.seq);
  Pending* const pending = found == pending_.end() ? nullptr : found->second;
  if (message.header.type == shim::Type::kListItem) {
    ASSIGN_OR_RETURN(const shim::ObjectState item, decode_object_state(message.body));
    if (pending != nullptr) pending->answer.items.push_back(item);
    if (pending != nullptr && pending->answer.items.size() > kMaxItems)
      return Error(Code::kInternal, "the shim sent an endless list");
    return {};
  }
  ASSIGN_OR_RETURN(const ShimReply reply, decode_reply(message.body));
  if (pending == nullptr || pending->done) return {};  // its caller has given up
  pending->answer.reply = reply.reply;
  pending->answer.fd = std::move(fd);
  pending->answer.body.assign(reply.body.begin(), reply.body.end());
  pending->done = true;
  pending->wake.notify_one();
  return {};
}

Result<void> ShimConnection::take_event(const ShimMessage& message) const {
  if (message.header.type == shim::Type::kPauseExited && handlers_.pause_exited) handlers_.pause_exited();
  if (message.header.type != shim::Type::kExited) return {};  // of a newer shim: not for us
  ASSIGN_OR_RETURN(const shim::ObjectState state, decode_object_state(message.body));
  if (handlers_.exited) handlers_.exited(state);
  return {};
}

void ShimConnection::lose(const std::string& reason) {
  Reactor::Token token = 0;
  bool announce = false;
  {
    const std::lock_guard lock(mutex_);
    token = std::exchange(token_, 0);
    announce = connected_ && !closed_;
  }
  if (token != 0) reactor_.remove(token);
  ::shutdown(socket_.get(), SHUT_RDWR);  // so that the other side knows, whoever is to blame
  fail_all();
  if (!announce) return;
  log::debug("lost a shim", {{"shim", name_}, {"reason", reason}});
  if (handlers_.disconnected) handlers_.disconnected();
}

void ShimConnection::fail_all() {
  const std::lock_guard lock(mutex_);
  connected_ = false;
  for (const auto& [seq, pending] : pending_) {
    pending->lost = !pending->done;
    pending->wake.notify_one();
  }
}

}  // namespace berth::runtime
