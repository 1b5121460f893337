// SPDX-License-Identifier: Apache-2.0
#include "image/layer_apply_attributes.hpp"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/cat.hpp"

namespace berth::image {
namespace {

bool steers_overlay(std::string_view name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
}

// user.* is for files and directories only.
bool is_tolerable(int err, std::string_view name) {
  return err == ENOTSUP || (err == EPERM && name.starts_with("user."));
}

template <class Set>
Result<void> set_each(const Xattrs& xattrs, const Set& set) {
  for (const auto& [name, value] : xattrs) {
    if (name == "security.selinux") continue;  // of the machine that built the image
    if (set(name.c_str(), value) == 0 || is_tolerable(errno, name)) continue;
    return Error::from_errno(errno, cat("set the ", value.size(), " bytes of attribute"), name);
  }
  return {};
}

}  // namespace

Result<void> set_owner(const Place& place, uid_t uid, gid_t gid) {
  if (::fchownat(place.directory, place.name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) == 0) return {};
  return Error::from_errno(errno, cat("give to user ", uid, " and group ", gid), place.name);
}

Result<void> set_times(const Place& place, std::int64_t seconds, std::uint32_t nanoseconds) {
  const timespec when{seconds, static_cast<long>(nanoseconds)};
  const std::array<timespec, 2> times{when, when};
  if (::utimensat(place.directory, place.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0) return {};
  return Error::from_errno(errno, "set the times of", place.name);
}

Result<void> check_xattrs(const Xattrs& xattrs) {
  for (const auto& [name, value] : xattrs) {
    if (steers_overlay(name))
      return Error(Code::kInvalidArgument, cat("attribute ", name, " belongs to the overlay"));
    if (name.size() > XATTR_NAME_MAX) {
      return Error(Code::kInvalidArgument,
                   cat("an attribute's name has ", name.size(), " bytes, the limit is ", XATTR_NAME_MAX));
    }
    if (value.size() > XATTR_SIZE_MAX) {
      return Error(Code::kInvalidArgument,
                   cat("attribute ", name, " has ", value.size(), " bytes, the limit is ", XATTR_SIZE_MAX));
    }
  }
  return {};
}

Result<void> set_xattrs(int fd, const Xattrs& xattrs) {
  return set_each(xattrs, [fd](const char* name, const std::string& value) {
    return ::fsetxattr(fd, name, value.data(), value.size(), 0);
  });
}

Result<void> set_xattrs(const Place& place, const Xattrs& xattrs) {
  if (xattrs.empty()) return {};
  if (::fchdir(place.directory) != 0) return Error::from_errno(errno, "enter", "the parent directory");
  return set_each(xattrs, [&place](const char* name, const std::string& value) {
    return ::lsetxattr(place.name.c_str(), name, value.data(), value.size(), 0);
  });
}

Result<Xattrs> get_xattrs(int fd) {
  std::string names(65536, '\0');  // XATTR_LIST_MAX
  const ssize_t length = ::flistxattr(fd, names.data(), names.size());
  if (length < 0 && errno == ENOTSUP) return Xattrs();
  if (length < 0) return Error::from_errno(errno, "list the attributes of", "a file of the layer below");
  Xattrs found;
  std::string value(65536, '\0');  // XATTR_SIZE_MAX
  for (std::size_t at = 0; at < static_cast<std::size_t>(length);) {
    const std::string name = names.c_str() + at;
    at += name.size() + 1;
    if (steers_overlay(name)) continue;
    const ssize_t size = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (size < 0) return Error::from_errno(errno, "read attribute", name);
    found.emplace_back(name, value.substr(0, static_cast<std::size_t>(size)));
  }
  return found;
}

}  // namespace berth::image
