// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth {

/// File access by directory descriptor. Nothing here joins untrusted path strings: whatever
/// lies under a root that others control goes through open_in_root.

/// openat(2) with O_CLOEXEC added. The error names `path`.
Result<UniqueFd> open_at(int dir_fd, const std::string& path, int flags, mode_t mode = 0);
inline constexpr int kCwd = -100;  // AT_FDCWD

/// openat2(2) with RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS: `path` cannot leave `root_fd`, whatever
/// symbolic links it meets. Retries EAGAIN (a racing rename) a bounded number of times.
Result<UniqueFd> open_in_root(int root_fd, const std::string& path, int flags, mode_t mode = 0);

/// The same, but a path that tries to leave is refused instead of clamped (RESOLVE_BENEATH).
Result<UniqueFd> open_beneath(int root_fd, const std::string& path, int flags, mode_t mode = 0);

/// mkdir -p on trusted paths; existing directories keep their mode.
Result<void> make_dirs(const std::string& path, mode_t mode);

/// Reads a whole file, at most `limit` bytes; longer is an error, never a truncation.
Result<std::string> read_file(const std::string& path, std::size_t limit);
Result<std::string> read_fd(int fd, std::size_t limit, std::string_view subject);

/// Writes all of `data` at the current offset. One write(2) for kernel control files.
Result<void> write_fd(int fd, std::string_view data, std::string_view subject);
Result<void> write_file_at(int dir_fd, const std::string& path, std::string_view data);

/// Names in a directory without "." and "..", unsorted.
Result<std::vector<std::string>> list_dir(const std::string& path);

bool exists(const std::string& path);

}  // namespace berth
