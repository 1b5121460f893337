// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/criu.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/subprocess.hpp"
#include "runtime/cli/packet_socket.hpp"
#include "runtime/namespaces_mount.hpp"

namespace berth::runtime::cli {
namespace {

constexpr int kSocket = 3;
constexpr std::size_t kMaxPacket = 64U << 10;
constexpr std::size_t kMaxLog = 64U << 20;

std::vector<std::string> whole_environment(char** environment) {
  std::vector<std::string> entries;
  for (char** entry = environment; entry != nullptr && *entry != nullptr; ++entry)
    entries.emplace_back(*entry);
  return entries;
}

Result<std::string> find_criu(const std::vector<std::string>& environment) {
  std::string_view path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string& entry : environment) {
    if (entry.starts_with("PATH=")) path = std::string_view(entry).substr(5);
  }
  while (!path.empty()) {
    const std::size_t colon = path.find(':');
    const std::string candidate = cat(path.substr(0, colon), "/criu");
    if (candidate.front() == '/' && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    path.remove_prefix(colon == std::string_view::npos ? path.size() : colon + 1);
  }
  return Error(Code::kFailedPrecondition,
               "CRIU, which does this, is not installed: there is no criu in PATH");
}

class Conversation {
 public:
  Conversation(CriuJob& job, std::vector<std::string> environment)
      : job_(job), environment_(std::move(environment)) {}

  Result<pid_t> run(const std::string& program) {
    RETURN_IF_ERROR(start(program));
    RETURN_IF_ERROR(send(encode_criu_request(job_.action, job_.options)));
    for (;;) {
      UniqueFd fd;
      ASSIGN_OR_RETURN(const CriuReply reply, receive(fd));
      if (reply.action != CriuAction::kNotify) return conclude(reply);
      auto done = job_.notified ? job_.notified(reply, std::move(fd)) : Result<void>();
      RETURN_IF_ERROR(send(encode_criu_notified(static_cast<bool>(done))));
      if (!done) return std::move(done).error();
    }
  }

 private:
  Result<void> start(const std::string& program) {
    ASSIGN_OR_RETURN(PacketSockets sockets, make_packet_sockets());
    socket_ = std::move(sockets.ours);
    const UniqueFd theirs = std::move(sockets.theirs);
    SpawnRequest request;
    request.program = program;
    request.argv = {"criu", "swrk", std::to_string(kSocket)};
    request.env = environment_;
    request.fds = {{theirs.get(), kSocket}};
    for (const auto& [ours, number] : job_.descriptors) request.fds.emplace_back(ours.get(), number);
    {
      std::optional<PrivateMounts> mounts;
      if (!job_.root.empty()) {
        ASSIGN_OR_RETURN(PrivateMounts own, PrivateMounts::enter(job_.root, job_.options.root));
        mounts.emplace(std::move(own));
        // CRIU mounts in them, which it can only where they are of its own mount namespace.
        ASSIGN_OR_RETURN(job_.images, open_at(kCwd, job_.image_path, O_RDONLY | O_DIRECTORY));
        ASSIGN_OR_RETURN(job_.work, open_at(kCwd, job_.work_path, O_RDONLY | O_DIRECTORY));
      }
      ASSIGN_OR_RETURN(criu_, Subprocess::spawn(request));
    }
    job_.options.images_fd = job_.images.get();
    job_.options.work_fd = job_.work.get();
    return join();
  }

  Result<void> join() const {
    if (job_.group == nullptr) return {};
    const std::string pid = std::to_string(criu_.pid());
    for (const UniqueFd& tasks : job_.group->tasks) RETURN_IF_ERROR(write_fd(tasks.get(), pid, "tasks"));
    if (!job_.group->v2) return {};
    return write_file_at(job_.group->v2.get(), "cgroup.procs", pid);
  }

  Result<void> send(const std::string& packet) const {
    if (::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL) ==
        static_cast<ssize_t>(packet.size()))
      return {};
    return Error::from_errno(errno, "talk to", "CRIU");
  }

  Result<CriuReply> receive(UniqueFd& fd) const {
    std::string buffer(kMaxPacket, '\0');
    ASSIGN_OR_RETURN(const std::size_t size,
                     receive_packet(socket_.get(), buffer.data(), buffer.size(), fd, "what CRIU says"));
    if (size == 0) return Error(Code::kInternal, "CRIU ended without a word");
    if (size > buffer.size()) return Error(Code::kInternal, "CRIU said more than one packet holds");
    return parse_criu_reply(std::string_view(buffer).substr(0, size));
  }

  Result<pid_t> conclude(const CriuReply& reply) {
    socket_.reset();
    (void)criu_.wait();
    if (reply.success) return reply.pid;
    if (!reply.error_message.empty()) return Error(Code::kInternal, reply.error_message);
    if (reply.error_number != 0) return Error::from_errno(reply.error_number, "CRIU", "");
    return Error(Code::kInternal, "CRIU could not");
  }

  CriuJob& job_;
  std::vector<std::string> environment_;
  UniqueFd socket_;
  Subprocess criu_;
};

/// "(00.012345) Error (criu/x.c:12): words": the words of all such lines but those that `known` has. The
/// first may be about nothing, and the last is what came of it all.
std::string errors_in(std::string_view log, std::string_view known) {
  constexpr std::size_t kMost = 1000;
  std::string found;
  for (std::size_t at = log.find("Error ("); at != std::string_view::npos; at = log.find("Error (", at + 1)) {
    const std::string_view line = log.substr(at, log.find('\n', at) - at);
    const std::size_t words = line.find("): ");
    const std::string_view said = words == std::string_view::npos ? line : line.substr(words + 3);
    if (known.find(said) == std::string_view::npos) found.append(cat(found.empty() ? "" : "; ", said));
  }
  return found.substr(0, kMost);
}

/// Empty when it finds nothing wrong.
std::string criu_check(const std::string& program, const std::vector<std::string>& environment) {
  SpawnRequest request;
  request.program = program;
  request.argv = {"criu", "check"};
  request.env = environment;
  constexpr std::chrono::seconds kPatience{20};
  const auto done =
      run_to_end(std::move(request), "", 64U << 10, std::chrono::steady_clock::now() + kPatience);
  if (!done) return done.error().to_string();
  return done->wait_status == 0 ? std::string() : errors_in(done->err + done->out, {});
}

}  // namespace

Result<pid_t> run_criu(CriuJob& job, char** environment) {
  const std::vector<std::string> entries = whole_environment(environment);
  ASSIGN_OR_RETURN(const std::string program, find_criu(entries));
  auto done = Conversation(job, entries).run(program);
  if (done) return done;
  Error why = std::move(done).error();
  const std::string log = cat(job.work_path, "/", job.options.log_file);
  const auto text = read_file(log, kMaxLog);
  const std::string words = text ? errors_in(*text, why.to_string()) : std::string();
  const std::string check = criu_check(program, entries);
  return Error(why.code(), cat(why.to_string(), words.empty() ? "" : ": ", words, " (see ", log, ")",
                               check.empty() ? "" : "; criu check: ", check));
}

}  // namespace berth::runtime::cli
