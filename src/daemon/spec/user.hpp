// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/cri.hpp"

namespace berth::daemon {

/// Whom the container's process runs as, resolved against the image's own /etc/passwd and
/// /etc/group (read in-root, bounded, regular files only: they are hostile input).
struct ResolvedUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  ///< supplementary; the primary one is always among them
  std::string home = "/";
};

/// Precedence: run_as_username, run_as_user, then the image's USER ("name[:group]", "uid[:gid]").
/// Digits are always an ID, never a name. A name that the image does not know is kInvalidArgument;
/// so is an ID above 2^31-1, which would wrap and defeat runAsNonRoot.
Result<ResolvedUser> resolve_user(int rootfs_fd, const std::string& image_user,
                                  const cri::LinuxContainerSecurityContext& security);

/// One line each of passwd(5) and group(5); exposed for tests and fuzzing.
struct PasswdEntry {
  std::string name;
  std::uint32_t uid = 0, gid = 0;
  std::string home;
};
struct GroupEntry {
  std::string name;
  std::uint32_t gid = 0;
  std::vector<std::string> members;
};
std::vector<PasswdEntry> parse_passwd(std::string_view text);  ///< malformed lines are skipped
std::vector<GroupEntry> parse_group(std::string_view text);

}  // namespace berth::daemon
