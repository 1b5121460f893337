// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "base/digest.hpp"
#include "base/result.hpp"

namespace berth::image {

/// One name of a layer's unpacked tree.
struct Walked {
  std::string path;  ///< below the root; "" is the root itself
  struct stat status {};
  int fd = -1;       ///< open for reading: a directory, or a regular file at its first name
  std::string link;  ///< the target of a symbolic link
  const std::string* same_as = nullptr;  ///< the first name of a file that has several
};

/// Visits a layer's root and everything below it, a directory before what is in it, in an order that depends
/// on nothing but the names. Follows no link.
Result<void> walk_layer(const std::string& root, const std::function<Result<void>(const Walked&)>& visit,
                        const std::stop_token& cancel);

/// Attributes of an open file, without those that the host's security modules write.
Result<std::map<std::string, std::string>> layer_xattrs(int fd);

/// Hands the content of a regular file to `reader` in pieces.
Result<void> read_content(const Walked& file, const std::function<Result<void>(std::string_view)>& reader,
                          const std::stop_token& cancel);

/// SHA-256 over a layer's tree: every name with its type, mode, owner, device number, modification time, link
/// target, attributes and content, and which names are one file. Not in it: access times, what a directory
/// takes on the disk, whiteouts' times, attributes of what cannot be opened. Reads everything.
Result<Digest> digest_tree(const std::string& root, const std::stop_token& cancel);

}  // namespace berth::image
