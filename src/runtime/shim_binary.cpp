// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim_binary.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/guarded.hpp"
#include "pid1/shim_protocol.h"
#include "runtime/shim_socket.hpp"
#include "runtime/shim_spawn.hpp"

// Younger than the C library's headers; linux/memfd.h, linux/fcntl.h.
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

namespace berth::runtime {
namespace {

Result<UniqueFd> make_memfd() {
  // Where vm.memfd_noexec is set, executable ones must be asked for; kernels before 6.3 do not know how.
  UniqueFd fd(::memfd_create("berth-pid1", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
  if (!fd && errno == EINVAL) fd.reset(::memfd_create("berth-pid1", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return Error::from_errno(errno, "memfd_create", "for the shim");
  return fd;
}

Result<void> seal(int fd) {
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(fd, F_ADD_SEALS, kSeals | F_SEAL_EXEC) == 0) return {};
  if (errno == EINVAL && ::fcntl(fd, F_ADD_SEALS, kSeals) == 0) return {};
  return Error::from_errno(errno, "seal", "the shim's memory file");
}

Result<UniqueFd> listen_in(int dir_fd, const std::string& pod_dir) {
  const std::string subject = cat(pod_dir, "/shim.sock");
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno(errno, "socket", subject);
  if (::unlinkat(dir_fd, "shim.sock", 0) != 0 && errno != ENOENT)
    return Error::from_errno(errno, "remove", subject);
  const sockaddr_un address = shim_address(dir_fd);
  // The mode of the socket file is that of the socket, less the umask.
  if (::fchmod(socket.get(), S_IRUSR | S_IWUSR) != 0) return Error::from_errno(errno, "chmod", subject);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Error::from_errno(errno, "bind", subject);
  }
  constexpr int kBacklog = 8;
  if (::listen(socket.get(), kBacklog) != 0) return Error::from_errno(errno, "listen on", subject);
  return socket;
}

// True when the child is gone, whoever reaped it.
bool is_reaped(const UniqueFd& pidfd) {
  siginfo_t info{};
  const int result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG);
  return result != 0 ? errno == ECHILD : info.si_pid != 0;
}

}  // namespace

struct ShimBinary::Children {
  Guarded<std::vector<UniqueFd>> pidfds;
};

ShimBinary::ShimBinary(UniqueFd memfd, cgroup::JoinFds group, std::unique_ptr<Children> children)
    : memfd_(std::move(memfd)), group_(std::move(group)), children_(std::move(children)) {}
ShimBinary::ShimBinary(ShimBinary&&) noexcept = default;
ShimBinary& ShimBinary::operator=(ShimBinary&&) noexcept = default;
ShimBinary::~ShimBinary() = default;

Result<UniqueFd> seal_program(std::string_view bytes) {
  constexpr std::string_view kElf("\177ELF", 4);
  if (!bytes.starts_with(kElf)) return Error(Code::kFailedPrecondition, "is not a program");
  ASSIGN_OR_RETURN(const UniqueFd writable, make_memfd());
  RETURN_IF_ERROR(write_fd(writable.get(), bytes, "the shim's memory file"));
  RETURN_IF_ERROR(seal(writable.get()));
  // Executed through a descriptor that could not write to it even without the seals.
  return open_at(kCwd, cat("/proc/self/fd/", writable.get()), O_RDONLY);
}

Result<ShimBinary> ShimBinary::load(const std::string& path, cgroup::JoinFds group) {
  constexpr std::size_t kMaxSize = 32U << 20U;
  ASSIGN_OR_RETURN(const std::string bytes, read_file(path, kMaxSize));
  ASSIGN_OR_RETURN(UniqueFd program, seal_program(bytes).context(cat("the shim ", path)));
  return ShimBinary(std::move(program), std::move(group), std::make_unique<Children>());
}

Result<void> ShimBinary::spawn(const std::string& pod_dir, int error_log) const {
  {
    auto pidfds = children_->pidfds.lock();
    std::erase_if(*pidfds, is_reaped);
  }
  ASSIGN_OR_RETURN(const UniqueFd dir, open_at(kCwd, pod_dir, O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const UniqueFd socket, listen_in(dir.get(), pod_dir));
  ShimSpawn request;
  request.program = memfd_.get();
  request.group = &group_;
  request.argv = {"berth-pid1", "shim"};
  request.fds = {{socket.get(), shim::kListenFd}, {dir.get(), shim::kPodDirFd}};
  if (error_log >= 0) request.fds.emplace_back(error_log, STDERR_FILENO);
  auto started = spawn_in_cgroup(request);
  if (!started) {
    ::unlinkat(dir.get(), "shim.sock", 0);
    return std::move(started).context(cat("start the shim of ", pod_dir)).error();
  }
  children_->pidfds.lock()->push_back(*std::move(started));
  return {};
}

}  // namespace berth::runtime
