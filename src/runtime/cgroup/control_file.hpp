// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth::runtime::cgroup {

/// Control files of one group, addressed from a hierarchy's root descriptor. Errors read
/// `write "5" to pids.max of cgroup /kubepods/x: Invalid argument` and carry the errno.

/// The content without trailing newlines; at most 256 KiB.
Result<std::string> read_control(int root_fd, std::string_view group, std::string_view file);

/// One write(2); an empty value is written as a newline, which is how cpuset lists are cleared.
Result<void> write_control(int root_fd, std::string_view group, std::string_view file,
                           std::string_view value);

/// Blank-separated words of a control file ("cpu memory pids").
std::vector<std::string> split_words(std::string_view text);

/// For statistics: one open, one read, one close, no heap. The view lives until the next call.
class ControlReader {
 public:
  /// Empty when the file is absent or unreadable. Longer files are cut after 16 KiB.
  std::string_view read(int root_fd, std::string_view group, std::string_view file);

 private:
  std::array<char, 16384> buffer_;
};

}  // namespace berth::runtime::cgroup
