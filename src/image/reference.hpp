// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "base/result.hpp"

namespace berth::image {

/// The name of an image, normalised the way every node tool does it: "busybox" is
/// "docker.io/library/busybox:latest". Holds only well-formed parts, so they are safe in URLs.
struct Reference {
  std::string host;  ///< "docker.io", "127.0.0.1:5000"
  std::string path;  ///< "library/busybox"
  std::string tag;   ///< may stand beside a digest, which then wins
  std::optional<Digest> digest;
  bool has_host = false;  ///< the host was written, not implied

  std::string name() const { return host + "/" + path; }
  /// "name@digest", else "name:tag".
  std::string text() const { return name() + (digest ? "@" + digest->text() : ":" + tag); }
  /// What a registry is asked for.
  const std::string& tag_or_digest() const { return digest ? digest->text() : tag; }
};

/// Grammar of the distribution project: [host[:port]/]path[:tag][@digest]. The tag is "latest" when
/// neither is given. kInvalidArgument names the value.
Result<Reference> parse_reference(std::string_view text);

/// The same path under another host; "busybox" becomes "library/busybox" on docker.io only.
Reference with_host(const Reference& reference, const std::string& host);

}  // namespace berth::image
