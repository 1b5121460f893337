// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim_client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/shim_codec.hpp"
#include "runtime/shim_connection.hpp"
#include "runtime/shim_reaper.hpp"
#include "runtime/shim_socket.hpp"

namespace berth::runtime {
namespace {

// For requests that have no deadline of their own; a healthy shim answers within a millisecond.
constexpr std::chrono::seconds kPatience{5};

std::chrono::steady_clock::time_point soon() {
  return std::chrono::steady_clock::now() + kPatience;
}

/// Descriptors of one message, and where in it each of them is.
class FdList {
 public:
  std::uint32_t add(UniqueFd fd) {
    if (!fd) return shim::kNoFd;
    fds_.push_back(std::move(fd));
    return static_cast<std::uint32_t>(fds_.size() - 1);
  }
  /// The position of the first one.
  std::uint32_t add_all(std::vector<UniqueFd> fds) {
    const auto first = static_cast<std::uint32_t>(fds_.size());
    std::move(fds.begin(), fds.end(), std::back_inserter(fds_));
    return first;
  }
  std::vector<UniqueFd> take() { return std::move(fds_); }

 private:
  std::vector<UniqueFd> fds_;
};

std::string name_of(const std::string& pod_dir) {
  const std::size_t end = pod_dir.find_last_not_of('/');
  const std::string trimmed = pod_dir.substr(0, end == std::string::npos ? 0 : end + 1);
  return cat("shim of pod \"", trimmed.substr(trimmed.rfind('/') + 1), '"');
}

// A shim that does not accept has a full queue, which a non-blocking connect reports at once.
Result<UniqueFd> open_socket(const std::string& pod_dir, ShimClient::Deadline deadline) {
  auto dir = open_at(kCwd, pod_dir, O_PATH | O_DIRECTORY);
  if (!dir && dir.error().sys_errno() == ENOENT)
    return std::move(std::move(dir).error().recode(Code::kNotFound));
  if (!dir) return std::move(dir).error();
  const sockaddr_un address = shim_address(dir->get());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return Error::from_errno(errno, "socket", "for a shim");
  while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int err = errno;
    Error error = Error::from_errno(err, "connect to", cat(pod_dir, "/shim.sock"));
    if (err == ENOENT || err == ECONNREFUSED) return std::move(error.recode(Code::kNotFound));
    if (err != EINTR && err != EAGAIN) return error;
    if (std::chrono::steady_clock::now() >= deadline) return std::move(error.recode(Code::kUnavailable));
    ::poll(nullptr, 0, 1);
  }
  return socket;
}

// The file is in a directory of ours with mode 0600; this is for the day that one of these is wrong.
Result<void> check_peer(int socket, const std::string& name) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return Error::from_errno(errno, "identify", name);
  if (peer.uid == ::geteuid()) return {};
  return Error(Code::kPermissionDenied, cat("the ", name, " runs as user ", peer.uid));
}

Error refused(const ShimConnection& shim, const shim::Reply& reply, std::string_view what,
              std::string_view subject) {
  Error error = Error::from_errno(reply.err, what, subject);
  error.add_context(shim.name());
  if (reply.err == ESRCH || reply.err == ENOENT) error.recode(Code::kNotFound);
  if (reply.err == EBUSY) error.recode(Code::kFailedPrecondition);
  return error;
}

/// A request whose answer is nothing but success.
Result<void> command(ShimConnection& shim, shim::Type type, Bytes body, ShimClient::Deadline deadline,
                     std::string_view what, std::string_view subject) {
  ASSIGN_OR_RETURN(const ShimConnection::Answer answer, shim.call(type, body, {}, deadline));
  if (answer.reply.err != 0) return refused(shim, answer.reply, what, subject);
  return {};
}

}  // namespace

struct ShimClient::State {
  std::shared_ptr<ShimConnection> connection;
  ProcessId process;
  std::atomic<int> pause_pid = 0;
  std::atomic<bool> announce = false;  // after the handshake: a failed connect() has no `disconnected`

  Result<void> greet(Deadline deadline);
};

Result<void> ShimClient::State::greet(Deadline deadline) {
  const shim::Hello hello{shim::kVersionMin, shim::kVersionMax, 0};
  ASSIGN_OR_RETURN(const ShimConnection::Answer answer,
                   connection->call(shim::Type::kHello, bytes_of(hello), {}, deadline));
  if (answer.reply.err != 0)
    return refused(*connection, answer.reply, "agree on a protocol with", connection->name());
  ASSIGN_OR_RETURN(const shim::HelloReply reply, decode_struct<shim::HelloReply>(answer.body));
  if (reply.version < shim::kVersionMin || reply.version > shim::kVersionMax || reply.pid <= 0) {
    return Error(Code::kUnavailable, cat(connection->name(), " speaks protocol version ", reply.version));
  }
  process = {reply.pid, reply.start_time};
  pause_pid = reply.pause_pid;
  return {};
}

ShimClient::ShimClient(std::shared_ptr<State> state) : state_(std::move(state)) {}

ShimClient::~ShimClient() {
  state_->connection->close();
}

Result<std::shared_ptr<ShimClient>> ShimClient::connect(const std::string& pod_dir, Reactor& reactor,
                                                        Events events) {
  const Deadline deadline = soon();
  const std::string name = name_of(pod_dir);
  ASSIGN_OR_RETURN(UniqueFd socket, open_socket(pod_dir, deadline));
  RETURN_IF_ERROR(check_peer(socket.get(), name));
  auto state = std::make_shared<State>();
  ShimConnection::Handlers handlers;
  handlers.exited = std::move(events.exited);
  handlers.pause_exited = [weak = std::weak_ptr<State>(state), told = std::move(events.pause_exited)] {
    if (const auto alive = weak.lock()) alive->pause_pid = 0;
    if (told) told();
  };
  handlers.disconnected = [weak = std::weak_ptr<State>(state), told = std::move(events.disconnected)] {
    const auto alive = weak.lock();
    if (alive && alive->announce && told) told();
  };
  state->connection = std::make_shared<ShimConnection>(std::move(socket), name, reactor, std::move(handlers));
  RETURN_IF_ERROR(state->connection->open());
  auto greeted = state->greet(deadline);
  if (!greeted) {
    state->connection->close();
    return std::move(greeted).error();
  }
  state->announce = true;
  if (!state->connection->connected()) return Error(Code::kUnavailable, cat(name, " is gone"));
  reap_when_it_ends(reactor, state->process);
  return std::shared_ptr<ShimClient>(new ShimClient(std::move(state)));
}

Result<void> ShimClient::init_pod(PodSetup setup, Deadline deadline) {
  shim::InitPod request{};
  ASSIGN_OR_RETURN(request.pod, object_id(setup.pod_id));
  FdList fds;
  request.net_fd = fds.add(std::move(setup.network));
  request.ipc_fd = fds.add(std::move(setup.ipc));
  request.uts_fd = fds.add(std::move(setup.uts));
  request.user_fd = fds.add(std::move(setup.user));
  request.share_pid = setup.share_pid ? 1 : 0;
  request.cgroup_fd_count = static_cast<std::uint32_t>(setup.pause_cgroup.tasks.size());
  request.first_cgroup_fd = fds.add_all(std::move(setup.pause_cgroup.tasks));
  request.into_cgroup_fd = fds.add(std::move(setup.pause_cgroup.v2));
  ShimConnection& shim = *state_->connection;
  ASSIGN_OR_RETURN(const ShimConnection::Answer answer,
                   shim.call(shim::Type::kInitPod, bytes_of(request), fds.take(), deadline));
  if (answer.reply.err != 0) return refused(shim, answer.reply, "set up pod", setup.pod_id);
  ASSIGN_OR_RETURN(const shim::InitPodReply reply, decode_struct<shim::InitPodReply>(answer.body));
  state_->pause_pid = reply.pause_pid;
  return {};
}

Result<ShimClient::Launched> ShimClient::launch(LaunchRequest request, Deadline deadline) {
  shim::Launch message{};
  ASSIGN_OR_RETURN(message.id, object_id(request.id));
  const std::string& log_name = request.log_name;
  if (log_name.size() >= sizeof(message.log_name) || log_name.find('/') != std::string::npos ||
      log_name.find('\0') != std::string::npos) {
    return Error(Code::kInvalidArgument, cat("log file name \"", log_name.substr(0, sizeof(message.log_name)),
                                             "\" is not a file name of at most 255 bytes"));
  }
  std::copy(log_name.begin(), log_name.end(), message.log_name);
  message.flags = request.flags;
  FdList fds;
  message.plan_fd = fds.add(std::move(request.plan.memfd));
  message.plan_fd_count = static_cast<std::uint32_t>(request.plan.fds.size());
  message.first_plan_fd = fds.add_all(std::move(request.plan.fds));
  for (std::size_t i = 0; i < 3; ++i) {
    message.stdio_fd[i] = request.stdio[i] ? fds.add(*std::move(request.stdio[i])) : shim::kNoFd;
  }
  message.log_dir_fd = fds.add(std::move(request.log_dir));
  message.log_max_size = request.log_max_size;
  message.log_max_files = request.log_max_files;
  message.journal_fd = fds.add(std::move(request.journal));
  request.journal_fields.copy(message.journal_fields, sizeof message.journal_fields);
  message.oom_fd = fds.add(std::move(request.oom_counter));
  ShimConnection& shim = *state_->connection;
  ASSIGN_OR_RETURN(ShimConnection::Answer answer,
                   shim.call(shim::Type::kLaunch, bytes_of(message), fds.take(), deadline));
  if (answer.reply.err != 0 && answer.reply.op_index != shim::kNoOp) {
    return launch_failure(request.plan.labels, answer.reply.op_index, answer.reply.err);
  }
  if (answer.reply.err != 0) return refused(shim, answer.reply, "launch", request.id);
  ASSIGN_OR_RETURN(const shim::LaunchReply reply, decode_struct<shim::LaunchReply>(answer.body));
  if (reply.pid <= 0)
    return Error(Code::kInternal, cat(shim.name(), " launched ", request.id, " as process ", reply.pid));
  return Launched{{reply.pid, reply.start_time}, std::move(answer.fd)};
}

Result<void> ShimClient::start(const std::string& id, const std::vector<std::string>& labels,
                               Deadline deadline) {
  shim::ObjectRequest request{};
  ASSIGN_OR_RETURN(request.id, object_id(id));
  ShimConnection& shim = *state_->connection;
  ASSIGN_OR_RETURN(const ShimConnection::Answer answer,
                   shim.call(shim::Type::kStart, bytes_of(request), {}, deadline));
  if (answer.reply.err == 0) return {};
  if (answer.reply.op_index != shim::kNoOp)
    return launch_failure(labels, answer.reply.op_index, answer.reply.err);
  return refused(shim, answer.reply, "start", id);
}

Result<void> ShimClient::signal(const std::string& id, int signal_number) {
  shim::SignalRequest request{};
  ASSIGN_OR_RETURN(request.id, object_id(id));
  request.signal_number = signal_number;
  return command(*state_->connection, shim::Type::kSignal, bytes_of(request), soon(), "signal", id);
}

Result<void> ShimClient::reopen_log(const std::string& id, Deadline deadline) {
  shim::ObjectRequest request{};
  ASSIGN_OR_RETURN(request.id, object_id(id));
  auto reopened = command(*state_->connection, shim::Type::kReopenLog, bytes_of(request), deadline,
                          "reopen the log of", id);
  if (!reopened && reopened.error().sys_errno() == ETIMEDOUT) {
    Error error(Code::kDeadlineExceeded, cat("the disk of the log of ", id, " does not answer"));
    error.add_context(state_->connection->name());
    return error;
  }
  return reopened;
}

Result<UniqueFd> ShimClient::attach(AttachRequest request, Deadline deadline) {
  shim::Attach message{};
  ASSIGN_OR_RETURN(message.id, object_id(request.id));
  FdList fds;
  message.out_fd = fds.add(std::move(request.out));
  message.err_fd = fds.add(std::move(request.err));
  ShimConnection& shim = *state_->connection;
  ASSIGN_OR_RETURN(ShimConnection::Answer answer,
                   shim.call(shim::Type::kAttach, bytes_of(message), fds.take(), deadline));
  if (answer.reply.err != 0) return refused(shim, answer.reply, "attach to", request.id);
  return std::move(answer.fd);
}

Result<void> ShimClient::end_stdin(const std::string& id) {
  shim::ObjectRequest request{};
  ASSIGN_OR_RETURN(request.id, object_id(id));
  return command(*state_->connection, shim::Type::kEndStdin, bytes_of(request), soon(), "end the stdin of",
                 id);
}

Result<void> ShimClient::forget(const std::string& id) {
  shim::ObjectRequest request{};
  ASSIGN_OR_RETURN(request.id, object_id(id));
  return command(*state_->connection, shim::Type::kRemove, bytes_of(request), soon(), "forget", id);
}

Result<std::vector<shim::ObjectState>> ShimClient::list(Deadline deadline) {
  ShimConnection& shim = *state_->connection;
  ASSIGN_OR_RETURN(ShimConnection::Answer answer, shim.call(shim::Type::kList, {}, {}, deadline));
  if (answer.reply.err != 0) return refused(shim, answer.reply, "list", "objects");
  return std::move(answer.items);
}

Result<void> ShimClient::shut_down(Deadline deadline) {
  return command(*state_->connection, shim::Type::kShutdown, {}, deadline, "end", "it");
}

ProcessId ShimClient::process() const {
  return state_->process;
}

bool ShimClient::connected() const {
  return state_->connection->connected();
}

int ShimClient::pause_pid() const {
  return state_->pause_pid;
}

}  // namespace berth::runtime
