// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace berth::image {

using Xattrs = std::vector<std::pair<std::string, std::string>>;

/// One name in an open directory (O_PATH will do).
struct Place {
  int directory = -1;
  std::string name;
};

/// Owner first, since changing it clears the set-ID bits and file capabilities.
Result<void> set_owner(const Place& place, uid_t uid, gid_t gid);
/// mtime, and atime likewise. Never follows.
Result<void> set_times(const Place& place, std::int64_t seconds, std::uint32_t nanoseconds);

/// kInvalidArgument for the attributes that would steer the overlay.
Result<void> check_xattrs(const Xattrs& xattrs);
/// Drops security.selinux, and what the file system or the file's type cannot have. `fd` is open
/// for reading or writing.
Result<void> set_xattrs(int fd, const Xattrs& xattrs);
/// For what cannot be opened (links, devices): changes the working directory. Never follows.
Result<void> set_xattrs(const Place& place, const Xattrs& xattrs);
/// All attributes of an open file, without the overlay's own.
Result<Xattrs> get_xattrs(int fd);

}  // namespace berth::image
