// SPDX-License-Identifier: Apache-2.0
#include "runtime/mount_tree.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/cat.hpp"

// linux/mount.h instead of the C library's sys/mount.h: the two cannot be included together in
// every glibc, and the constants of the new mount API are complete only here.
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

namespace berth::runtime {

Result<UniqueFd> clone_tree(const std::string& source, bool recursive, bool follow) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? unsigned{AT_RECURSIVE} : 0U) |
                         (follow ? 0U : unsigned{AT_SYMLINK_NOFOLLOW});
  UniqueFd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, source.c_str(), flags)));
  if (tree) return tree;
  const int err = errno;
  Error error = Error::from_errno(err, "open the mount source", source);
  if (err == ENOENT || err == ENOTDIR || err == ELOOP || err == ENAMETOOLONG)
    error.recode(Code::kInvalidArgument);
  return error;
}

Result<void> set_attributes(int tree, std::uint64_t set, std::uint64_t clear, std::uint64_t propagation,
                            bool recursive, std::string_view subject) {
  if (set == 0 && clear == 0 && propagation == 0) return {};
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  const unsigned flags = AT_EMPTY_PATH | (recursive ? unsigned{AT_RECURSIVE} : 0U);
  // A recursive change that one of the mounts refuses fails as a whole; it must never quietly
  // become a change of the top only.
  if (::syscall(SYS_mount_setattr, tree, "", flags, &attributes, sizeof attributes) != 0) {
    return Error::from_errno(errno, cat("set mount attributes", recursive ? " recursively" : "", " on"),
                             subject);
  }
  return {};
}

}  // namespace berth::runtime
