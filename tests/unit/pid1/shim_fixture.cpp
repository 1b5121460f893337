// SPDX-License-Identifier: Apache-2.0
#include "shim_fixture.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/remove_tree.hpp"

namespace berth::pid1::test {
namespace {

constexpr int kTimeoutMs = 30000;  // a crowded machine is slow, not broken

UniqueFd sealed_memfd(const std::vector<unsigned char>& bytes) {
  UniqueFd fd(::memfd_create("plan", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  REQUIRE(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
  return fd;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  return address;
}

}  // namespace

Scratch::Scratch() {
  char name[] = "/dev/shm/berth-pid1-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  directory_ = name;
  for (const char* sub : {"pod", "logs", "attach", "root", "root/bin", "root/etc", "root/tmp", "root/proc"}) {
    std::filesystem::create_directory(path(sub));
  }
  std::filesystem::copy_file("/bin/busybox", path("root/bin/busybox"));
  for (const char* tool :
       {"sh",       "cat",      "echo", "ls", "sleep", "true", "kill",   "id",   "stty", "touch", "tty",
        "hostname", "readlink", "pwd",  "dd", "yes",   "head", "printf", "stat", "grep", "seq"}) {
    std::filesystem::create_symlink("busybox", path("root/bin/" + std::string(tool)));
  }
}

Scratch::~Scratch() {
  (void)remove_tree(directory_);
}

TestShim::TestShim() {
  const UniqueFd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(scratch_.path("pod/shim.sock"));
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 4) == 0);
  const UniqueFd directory(::open(scratch_.path("pod").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd high_listener(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 100));
  const UniqueFd high_directory(::fcntl(directory.get(), F_DUPFD_CLOEXEC, 100));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, high_listener.get(), shim::kListenFd);
  posix_spawn_file_actions_adddup2(&actions, high_directory.get(), shim::kPodDirFd);
  char name[] = "berth-pid1";
  char role[] = "shim";
  char* argv[] = {name, role, nullptr};
  char* environment[] = {nullptr};
  REQUIRE(::posix_spawn(&pid_, BERTH_PID1, &actions, nullptr, argv, environment) == 0);
  posix_spawn_file_actions_destroy(&actions);
  connect();
}

TestShim::~TestShim() {
  if (pid_ < 0) return;
  // Whatever a failed test left: containers first, since killing the shim would orphan them.
  if (socket_.get() < 0) connect();
  listed(id_of(0));
  for (const shim::ObjectState& state : items_) {
    if (state.phase != shim::Phase::kExited) signal(state.id, SIGKILL);
  }
  eventually([&] {
    listed(id_of(0));
    for (const shim::ObjectState& state : items_) {
      if (state.phase != shim::Phase::kExited) return false;
    }
    return true;
  });
  call(shim::Type::kShutdown);
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void TestShim::connect() {
  socket_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(scratch_.path("pod/shim.sock"));
  REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

bool TestShim::send(const void* bytes, size_t size, const std::vector<int>& fds) {
  iovec part = {const_cast<void*>(bytes), size};
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
  msghdr packet = {};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  if (!fds.empty()) {
    packet.msg_control = control.data();
    packet.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&packet);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
  }
  return ::sendmsg(socket_.get(), &packet, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

bool TestShim::receive(std::vector<unsigned char>& packet, int timeout_ms) {
  pollfd waiting = {socket_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, timeout_ms) != 1) return false;
  packet.resize(shim::kMaxMessage);
  const ssize_t size = ::recv(socket_.get(), packet.data(), packet.size(), 0);
  packet.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return size >= static_cast<ssize_t>(sizeof(shim::Header));
}

Answer TestShim::receive_reply(uint64_t seq) {
  std::vector<unsigned char> packet;
  while (receive(packet, kTimeoutMs)) {
    shim::Header header;
    std::memcpy(&header, packet.data(), sizeof header);
    const unsigned char* body = packet.data() + sizeof header;
    const size_t size = packet.size() - sizeof header;
    if (header.type == shim::Type::kReply && header.seq == seq) {
      shim::Reply reply;
      std::memcpy(&reply, body, sizeof reply);
      return {reply.err, reply.op_index, std::string(body + sizeof reply, body + size)};
    }
    shim::ObjectState state = {};
    std::memcpy(&state, body, std::min(size, sizeof state));
    if (header.type == shim::Type::kListItem) items_.push_back(state);
    if (header.seq == 0) events_.push_back({header.type, state});
  }
  return {};
}

Answer TestShim::call(shim::Type type, const void* body, size_t size, const std::vector<int>& fds) {
  const shim::Header header = {shim::kMagic, type, shim::kVersionMax, ++seq_};
  std::vector<unsigned char> packet(sizeof header + size);
  std::memcpy(packet.data(), &header, sizeof header);
  if (size > 0) std::memcpy(packet.data() + sizeof header, body, size);
  if (!send(packet.data(), packet.size(), fds)) return {};
  return receive_reply(seq_);
}

Answer TestShim::launch(const shim::ObjectId& id, const std::vector<unsigned char>& plan,
                        const std::vector<int>& fds, const LaunchOptions& options) {
  const UniqueFd memfd = sealed_memfd(plan);
  const UniqueFd logs(::open(scratch_.path("logs").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<int> all = {memfd.get()};
  shim::Launch launch = {};
  launch.id = id;
  launch.flags = options.flags;
  launch.first_plan_fd = 1;
  launch.plan_fd_count = static_cast<uint32_t>(fds.size());
  all.insert(all.end(), fds.begin(), fds.end());
  const auto give = [&all](int fd) {
    if (fd < 0) return shim::kNoFd;
    all.push_back(fd);
    return static_cast<uint32_t>(all.size() - 1);
  };
  for (size_t i = 0; i < 3; ++i) launch.stdio_fd[i] = give(i < options.stdio.size() ? options.stdio[i] : -1);
  launch.log_dir_fd = give(options.log_name.empty() ? -1 : logs.get());
  launch.oom_fd = give(options.oom_fd);
  launch.journal_fd = give(options.journal_fd);
  options.journal_fields.copy(launch.journal_fields, sizeof launch.journal_fields);
  launch.log_max_size = options.log_max_size;
  launch.log_max_files = options.log_max_files;
  options.log_name.copy(launch.log_name, sizeof launch.log_name - 1);
  return call(shim::Type::kLaunch, &launch, sizeof launch, all);
}

Answer TestShim::object_call(shim::Type type, const shim::ObjectId& id) {
  return call(type, &id, sizeof id);
}

Answer TestShim::signal(const shim::ObjectId& id, int number) {
  const shim::SignalRequest request = {id, number, 0};
  return call(shim::Type::kSignal, &request, sizeof request);
}

Event TestShim::next_event(int timeout_ms) {
  std::vector<unsigned char> packet;
  while (events_.empty()) {
    if (!receive(packet, timeout_ms)) throw std::runtime_error("no event from the shim");
    shim::Header header;
    std::memcpy(&header, packet.data(), sizeof header);
    shim::ObjectState state = {};
    std::memcpy(&state, packet.data() + sizeof header, std::min(packet.size() - sizeof header, sizeof state));
    events_.push_back({header.type, state});
  }
  const Event event = events_.front();
  events_.erase(events_.begin());
  return event;
}

std::optional<shim::ObjectState> TestShim::listed(const shim::ObjectId& id) {
  items_.clear();
  if (call(shim::Type::kList).err != 0) return std::nullopt;
  for (const shim::ObjectState& state : items_) {
    if (std::memcmp(&state.id, &id, sizeof id) == 0) return state;
  }
  return std::nullopt;
}

int TestShim::wait() {
  int status = -1;
  const bool ended = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  if (ended) pid_ = -1;
  return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string TestShim::log(const std::string& name) const {
  std::ifstream file(scratch_.path("logs/" + name));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

shim::ObjectId id_of(unsigned number) {
  shim::ObjectId id;
  char digits[65];
  std::snprintf(digits, sizeof digits, "%064x", number);
  std::memcpy(id.hex, digits, sizeof id.hex);
  return id;
}

bool is_root() {
  return ::geteuid() == 0;
}

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kTimeoutMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace berth::pid1::test
