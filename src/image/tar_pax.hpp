// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace berth::image {

/// What a pax extended header (POSIX.1-2017 pax, "x" entries) says about the entry after it.
struct PaxFields {
  std::optional<std::string> path, link;
  std::optional<std::uint64_t> size, uid, gid;
  struct Time {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;  ///< always forward in time
  };
  std::optional<Time> mtime;
  std::vector<std::pair<std::string, std::string>> xattrs;  ///< SCHILY.xattr.*, LIBARCHIVE.xattr.*
  bool is_sparse = false;                                   ///< any GNU.sparse.* record
};

/// Later records override earlier ones, an empty value takes the record back; keys that mean
/// nothing here are skipped. kInvalidArgument on anything malformed.
Result<PaxFields> parse_pax(std::string_view records);

}  // namespace berth::image
