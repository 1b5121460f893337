// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "base/result.hpp"
#include "image/manifest.hpp"
#include "image/registry/client.hpp"

namespace berth::image {

/// Where an image's blobs come from: a registry with its mirrors, or an archive. Thread-safe.
class ContentSource {
 public:
  virtual ~ContentSource() = default;
  /// Hands a blob to `reader`, whole and in order; success means that size and digest are right.
  /// An error of `reader` comes back as it is.
  virtual Result<void> read_blob(const Descriptor& blob, const BlobReader& reader,
                                 std::stop_token cancel) const = 0;
};

/// A small blob in memory: a config, or a manifest of an archive.
Result<std::string> read_small_blob(const ContentSource& source, const Descriptor& blob,
                                    std::stop_token cancel);

}  // namespace berth::image
