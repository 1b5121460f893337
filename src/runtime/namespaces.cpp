// SPDX-License-Identifier: Apache-2.0
#include "runtime/namespaces.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "runtime/namespaces_user.hpp"
#include "runtime/oci/id_mappings.hpp"
#include "runtime/sysctl_keys.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxHostname = 64;  // __NEW_UTS_LEN

struct Kind {
  int flag;
  const char* name;  ///< below /proc/PID/ns
  UniqueFd PodNamespaces::*made;
};
constexpr std::array<Kind, 3> kKinds = {{
    {CLONE_NEWNET, "net", &PodNamespaces::network},
    {CLONE_NEWIPC, "ipc", &PodNamespaces::ipc},
    {CLONE_NEWUTS, "uts", &PodNamespaces::uts},
}};

Result<UniqueFd> open_own(const Kind& kind) {
  return open_at(kCwd, cat("/proc/thread-self/ns/", kind.name), O_RDONLY);
}

/// Remembers the calling thread's own namespaces, and takes it back to them.
class WayBack {
 public:
  static Result<WayBack> remember(int flags) {
    WayBack way;
    for (const Kind& kind : kKinds) {
      if ((flags & kind.flag) == 0) continue;
      ASSIGN_OR_RETURN(UniqueFd own, open_own(kind));
      way.own_.emplace_back(kind.flag, std::move(own));
    }
    return way;
  }
  WayBack(WayBack&&) noexcept = default;
  WayBack& operator=(WayBack&&) = delete;
  WayBack(const WayBack&) = delete;
  WayBack& operator=(const WayBack&) = delete;
  ~WayBack() {
    for (const auto& [flag, own] : own_) {
      if (::setns(own.get(), flag) == 0) continue;
      // Whatever this thread did next, it would do to a pod instead of to the host.
      log::error("a thread cannot return to its own namespace", {{"error", errno_text(errno)}});
      std::abort();
    }
  }

 private:
  WayBack() = default;
  std::vector<std::pair<int, UniqueFd>> own_;
};

Result<void> bring_loopback_up() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno(errno, "socket", "for the loopback interface");
  ifreq interface {};
  std::memcpy(interface.ifr_name, "lo", 3);
  interface.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &interface) != 0)
    return Error::from_errno(errno, "bring up", "the loopback interface");
  return {};
}

// /proc/sys shows the namespaces of the thread that opens a file, so the host's mount of it is the
// pod's sysctl tree here.
Result<void> write_sysctl(const std::string& key, const std::string& value) {
  ASSIGN_OR_RETURN(const UniqueFd root, open_at(kCwd, "/proc/sys", O_PATH | O_DIRECTORY));
  ASSIGN_OR_RETURN(const UniqueFd file, open_beneath(root.get(), sysctl_path(key), O_WRONLY));
  if (::write(file.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size())) return {};
  return Error::from_errno(errno, "write", value);
}

/// The calling thread's effective user, for the life of the object.
class ActingAs {
 public:
  explicit ActingAs(std::uint32_t uid) { become(uid); }
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  ~ActingAs() { become(0); }

 private:
  // Not libc's function, which changes all threads.
  static void become(std::uint32_t uid) { ::syscall(SYS_setresuid, -1, uid, -1); }
};

/// Those of an IPC namespace belong to the root of its user namespace, and nobody else may write them.
Result<void> write_sysctl(const PodNamespacesRequest& request, const std::string& key,
                          const std::string& value) {
  const auto root = oci::host_id(request.uid_mappings, 0);
  if (!root || sysctl_owner(key) != oci::NamespaceType::kIpc) return write_sysctl(key, value);
  const ActingAs owner(*root);
  return write_sysctl(key, value);
}

Result<void> write_sysctls(const PodNamespacesRequest& request) {
  for (const auto& [key, value] : request.sysctls) {
    auto written = write_sysctl(request, key, value);
    if (written) continue;
    Error error = std::move(written).error();
    error.add_context(cat("sysctl \"", key, "\" = \"", value, '"'));
    const int err = error.sys_errno();
    const bool bad_value = err == EINVAL || err == ENOENT || err == ERANGE || err == EACCES;
    return bad_value ? std::move(error.recode(Code::kInvalidArgument)) : std::move(error);
  }
  return {};
}

Result<void> pin_network(const std::string& path) {
  constexpr mode_t kMode = 0444;
  {
    ASSIGN_OR_RETURN(const UniqueFd file,
                     open_at(kCwd, path, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kMode));
  }
  if (::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) == 0) return {};
  const int err = errno;
  ::unlink(path.c_str());
  return Error::from_errno(err, "bind the network namespace to", path);
}

/// Runs inside the new namespaces, with the thread about to return.
Result<PodNamespaces> furnish(const PodNamespacesRequest& request, int flags) {
  PodNamespaces made;
  for (const Kind& kind : kKinds) {
    if ((flags & kind.flag) == 0) continue;
    ASSIGN_OR_RETURN(made.*kind.made, open_own(kind));
  }
  if (request.network) RETURN_IF_ERROR(bring_loopback_up());
  if (request.uts && ::sethostname(request.hostname.data(), request.hostname.size()) != 0) {
    return Error::from_errno(errno, "set the host name", request.hostname);
  }
  RETURN_IF_ERROR(write_sysctls(request));
  // Last: it is the only thing that would outlive a failure of the others.
  if (request.network && !request.network_pin.empty()) RETURN_IF_ERROR(pin_network(request.network_pin));
  return made;
}

/// Made by somebody in a new user namespace, they belong to it; that one is returned.
Result<UniqueFd> enter_new_namespaces(const PodNamespacesRequest& request, int flags) {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) {
    if ((flags & kind.flag) != 0) names.emplace_back(kind.name);
  }
  ASSIGN_OR_RETURN(auto made, make_user_namespace_with(oci::id_map_text(request.uid_mappings),
                                                       oci::id_map_text(request.gid_mappings), flags, names));
  for (std::size_t i = 1; i < made.size(); ++i) {
    if (::setns(made[i].get(), 0) != 0)
      return Error::from_errno(errno, "enter the pod's namespace", names[i - 1]);
  }
  return std::move(made.front());
}

Result<void> check_request(const PodNamespacesRequest& request) {
  if (request.uts &&
      (request.hostname.size() > kMaxHostname || request.hostname.find('\0') != std::string::npos)) {
    return Error(Code::kInvalidArgument, cat("host name \"", request.hostname.substr(0, kMaxHostname * 2),
                                             "\" is longer than ", kMaxHostname, " bytes or contains a NUL"));
  }
  if (!request.network_pin.empty() && request.network_pin.front() != '/') {
    return Error(Code::kInvalidArgument,
                 cat("path of the network namespace \"", request.network_pin, "\" is not absolute"));
  }
  return check_pod_sysctls(request);
}

}  // namespace

Result<PodNamespaces> create_pod_namespaces(const PodNamespacesRequest& request) {
  RETURN_IF_ERROR(check_request(request));
  const int flags = (request.network ? CLONE_NEWNET : 0) | (request.ipc ? CLONE_NEWIPC : 0) |
                    (request.uts ? CLONE_NEWUTS : 0);
  if (flags == 0) return PodNamespaces{};
  ASSIGN_OR_RETURN(const WayBack way_back, WayBack::remember(flags));
  UniqueFd user;
  if (!request.uid_mappings.empty()) {
    ASSIGN_OR_RETURN(user, enter_new_namespaces(request, flags));
  } else if (::unshare(flags) != 0) {
    return Error::from_errno(errno, "unshare", "the pod's namespaces");
  }
  ASSIGN_OR_RETURN(PodNamespaces made, furnish(request, flags));
  made.user = std::move(user);
  return made;
}

Result<UniqueFd> socket_in_network(int network_fd, int family, int type) {
  ASSIGN_OR_RETURN(const WayBack way_back, WayBack::remember(network_fd < 0 ? 0 : CLONE_NEWNET));
  if (network_fd >= 0 && ::setns(network_fd, CLONE_NEWNET) != 0)
    return Error::from_errno(errno, "enter", "the pod's network namespace");
  UniqueFd made(::socket(family, type | SOCK_CLOEXEC, 0));
  if (!made) return Error::from_errno(errno, "socket", "for a pod");
  return made;
}

Result<void> unpin_namespace(const std::string& path) {
  // EINVAL: a file without a mount, left by an interrupted creation.
  if (::umount2(path.c_str(), UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
    if (errno != EBUSY || ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
      return Error::from_errno(errno, "unmount", path);
    }
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno(errno, "remove", path);
  return {};
}

}  // namespace berth::runtime
