// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace berth::image {

/// One member of a tar archive with every extension header already applied. Raw and hostile: names
/// may be absolute or contain "..", but hold no NUL and have at most kMaxTarName bytes.
struct TarEntry {
  enum class Type : std::uint8_t { kFile, kHardLink, kSymlink, kCharDevice, kBlockDevice, kDirectory, kFifo };
  Type type = Type::kFile;
  std::string name;
  std::string link;        ///< target of a hard or symbolic link
  std::uint32_t mode = 0;  ///< permission bits, setuid, setgid, sticky
  std::uint32_t uid = 0, gid = 0;
  std::uint64_t size = 0;  ///< of the content that follows; 0 for all but files
  std::int64_t mtime_s = 0;
  std::uint32_t mtime_ns = 0;
  std::uint32_t dev_major = 0, dev_minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
};
inline constexpr std::size_t kMaxTarName = 4095;  // PATH_MAX without its NUL

}  // namespace berth::image
