// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/launched_child.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>

#include "base/cat.hpp"
#include "runtime/cli/packet_socket.hpp"
#include "runtime/cli/pid1_program.hpp"
#include "runtime/shim_spawn.hpp"

namespace berth::runtime::cli {
namespace {

/// The packet's descriptors, and where each kind of them begins.
class Packing {
 public:
  std::uint32_t add(int fd) {
    if (fd < 0) return launch::kNoFd;
    fds_.push_back(fd);
    return static_cast<std::uint32_t>(fds_.size() - 1);
  }
  const std::vector<int>& fds() const { return fds_; }

 private:
  std::vector<int> fds_;
};

launch::Request pack(const LaunchOrder& order, Packing& packing) {
  launch::Request request{};
  request.magic = launch::kMagic;
  request.version = launch::kVersion;
  request.flags = (order.is_exec ? launch::kIsExec : 0U) | (order.group.v2 ? launch::kInCgroup : 0U);
  request.plan_fd = packing.add(order.plan.memfd.get());
  request.first_plan_fd = static_cast<std::uint32_t>(packing.fds().size());
  request.plan_fd_count = static_cast<std::uint32_t>(order.plan.fds.size());
  for (const UniqueFd& fd : order.plan.fds) packing.add(fd.get());
  for (std::size_t i = 0; i < order.stdio.size(); ++i) request.stdio_fd[i] = packing.add(order.stdio[i]);
  request.gate_fd = packing.add(order.gate.get());
  request.result_fd = packing.add(order.result.get());
  request.first_preserved_fd = static_cast<std::uint32_t>(packing.fds().size());
  request.preserved_fd_count = static_cast<std::uint32_t>(order.preserved.size());
  for (const int fd : order.preserved) packing.add(fd);
  return request;
}

Result<void> send_order(int socket, const LaunchOrder& order) {
  Packing packing;
  launch::Request request = pack(order, packing);
  iovec part{&request, sizeof request};
  const std::size_t bytes = packing.fds().size() * sizeof(int);
  std::vector<std::max_align_t> control(CMSG_SPACE(bytes) / sizeof(std::max_align_t) + 1);
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(bytes);
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(bytes);
  std::memcpy(CMSG_DATA(rights), packing.fds().data(), bytes);
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof request)) return {};
  return Error::from_errno(errno, "send", "the launch plan");
}

}  // namespace

Result<LaunchedChild> LaunchedChild::start(LaunchOrder order) {
  ASSIGN_OR_RETURN(PacketSockets pair, make_packet_sockets());
  RETURN_IF_ERROR(send_order(pair.ours.get(), order));
  ASSIGN_OR_RETURN(const UniqueFd program, pid1_program());
  ShimSpawn request;
  request.program = program.get();
  request.argv = {"berth-pid1", "launch"};
  request.fds = {{pair.theirs.get(), launch::kSocketFd}};
  request.group = &order.group;
  LaunchedChild child;
  ASSIGN_OR_RETURN(child.launcher_, spawn_in_cgroup(request));
  child.socket_ = std::move(pair.ours);
  child.labels_ = std::move(order.plan.labels);
  return child;
}

Result<LaunchedChild> LaunchedChild::adopt(pid_t pid) {
  LaunchedChild child;
  RETURN_IF_ERROR(child.learn_pid(pid));
  return child;
}

LaunchedChild::~LaunchedChild() {
  siginfo_t info{};
  // It ends by itself: after its one message, or when it finds the socket closed.
  socket_.reset();
  if (launcher_) ::waitid(P_PIDFD, static_cast<id_t>(launcher_.get()), &info, WEXITED);
}

Result<void> LaunchedChild::learn_pid(pid_t pid) {
  pid_ = pid;
  // Our child: until we reap it, its number is its own.
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd_) return Error::from_errno(errno, "open a descriptor of process", std::to_string(pid));
  return {};
}

Result<LaunchedChild::Said> LaunchedChild::next() {
  // The launcher and the child speak at once: what the child says waits until its pid is known.
  while (pid_ == 0 && !closed_) {
    ASSIGN_OR_RETURN(Said said, receive());
    closed_ = said.kind == 0;
    if (said.kind != launch::Message::kLaunched && !closed_) held_.push_back(std::move(said));
  }
  if (!held_.empty()) {
    Said said = std::move(held_.front());
    held_.pop_front();
    return said;
  }
  if (closed_) return Said();
  return receive();
}

Result<LaunchedChild::Said> LaunchedChild::receive() {
  launch::Message message{};
  Said said;
  ASSIGN_OR_RETURN(const std::size_t size, receive_packet(socket_.get(), &message, sizeof message, said.fd,
                                                          "what the container's child says"));
  if (size == 0) return said;
  if (size != sizeof message)
    return Error(Code::kInternal, "the container's child said something that is no message");
  if (message.kind == launch::Message::kLaunched) RETURN_IF_ERROR(learn_pid(message.pid));
  said.kind = message.kind;
  said.failure = message.failure;
  return said;
}

Result<void> LaunchedChild::go() {
  const launch::Message message{launch::Message::kGo, {}, 0};
  if (::send(socket_.get(), &message, sizeof message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof message))
    return {};
  return Error::from_errno(errno, "tell the container's process to go on", "");
}

Result<void> LaunchedChild::wait_for_exec() {
  bool executing = false;
  for (;;) {
    ASSIGN_OR_RETURN(const Said said, next());
    if (said.kind == launch::Message::kExecing) {
      executing = true;
    } else if (said.kind == 0 && executing) {
      return {};
    } else {
      return explain(said);
    }
  }
}

Error LaunchedChild::explain(const Said& said) const {
  if (said.kind == launch::Message::kFailed)
    return launch_failure(labels_, said.failure.op_index, said.failure.err);
  if (said.kind == 0) return {Code::kInternal, "the container's process ended before its program was run"};
  return {Code::kInternal, cat("the container's process said ", said.kind, " when that was not due")};
}

Result<int> wait_for_end(int pidfd) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0) {
    if (errno != EINTR) return Error::from_errno(errno, "wait for", "the process");
  }
  constexpr int kSignalBase = 128;
  return info.si_code == CLD_EXITED ? info.si_status : kSignalBase + info.si_status;
}

}  // namespace berth::runtime::cli
