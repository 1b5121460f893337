// SPDX-License-Identifier: Apache-2.0
#include "runtime/namespaces_own.hpp"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <string_view>

#include "base/dir.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxMap = 64U << 10;

Result<void> write_own(const std::string& path, const std::string& text) {
  ASSIGN_OR_RETURN(const UniqueFd file, open_at(kCwd, path, O_WRONLY));
  return write_fd(file.get(), text, path);
}

}  // namespace

bool is_in_user_namespace() {
  constexpr std::string_view kAll = "         0          0 4294967295\n";
  const auto text = read_file("/proc/self/uid_map", kMaxMap);
  return text && *text != kAll;  // without text: a kernel without user namespaces
}

bool is_setgroups_denied() {
  const auto text = read_file("/proc/self/setgroups", kMaxMap);
  return text && text->starts_with("deny");
}

Result<void> own_mounts() {
  ASSIGN_OR_RETURN(const UniqueFd mounts, open_at(kCwd, "/proc/self/ns/mnt", O_RDONLY));
  const UniqueFd owner(::ioctl(mounts.get(), NS_GET_USERNS));
  if (owner) return {};
  if (errno != EPERM) return Error::from_errno(errno, "ask for the owner of", "the mount namespace");
  if (::unshare(CLONE_NEWNS) == 0) return {};
  return Error::from_errno(errno, "create", "a mount namespace");
}

Result<void> enter_new_user_namespace(const std::string& uid_map, const std::string& gid_map) {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return Error::from_errno(errno, "create", "a user namespace");
  RETURN_IF_ERROR(write_own("/proc/self/setgroups", "deny"));
  RETURN_IF_ERROR(write_own("/proc/self/gid_map", gid_map));
  return write_own("/proc/self/uid_map", uid_map);
}

Result<void> join_user_namespace(int pidfd) {
  if (::setns(pidfd, CLONE_NEWUSER) == 0) return {};
  return Error::from_errno(errno, "join", "the user namespace of the container");
}

}  // namespace berth::runtime
