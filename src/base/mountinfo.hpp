// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth {

/// One line of /proc/self/mountinfo, proc_pid_mountinfo(5), with octal escapes undone.
struct MountEntry {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  std::string root;
  std::string mount_point;
  std::string options;
  std::vector<std::string> optional_fields;  ///< "shared:5", "master:1", ...
  std::string filesystem;
  std::string source;
  std::string super_options;
};

Result<std::vector<MountEntry>> parse_mountinfo(std::string_view text);
Result<std::vector<MountEntry>> read_mountinfo();

/// Whether the path of `mount`, one of `all`, leads to another mount: one on top of it or of a directory
/// above.
bool is_hidden(const MountEntry& mount, const std::vector<MountEntry>& all);

}  // namespace berth
