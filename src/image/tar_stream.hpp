// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "base/result.hpp"

namespace berth::image {

/// Where a layer's compressed bytes go: inflated, hashed and applied by one short-lived
/// `berth-unpack` process with its own mount namespace, seccomp filter and limits. Bytes are
/// written from any thread, one at a time; back-pressure is write()'s blocking.
class LayerSink {
 public:
  virtual ~LayerSink() = default;
  /// Blocks while the worker is busy. An error here is the worker's own story when it has one.
  virtual Result<void> write(std::span<const std::byte> data) = 0;
  struct Applied {
    Digest diff_id;          ///< of the uncompressed tar, drained to its very end
    std::uint64_t size = 0;  ///< bytes of file content
    std::uint64_t inodes = 0;
  };
  /// No more bytes: waits for the worker. Errors name the entry: `layer entry "a/b": ...`.
  virtual Result<Applied> finish() = 0;
};

inline constexpr const char* kNeedsLowerLayer = "needs a lower layer";

struct UnpackRequest {
  std::string program;     ///< berth-unpack
  std::string target_dir;  ///< existing empty directory: the layer's root, overlay-ready
  std::vector<std::string>
      lower_dirs;  ///< layers below, topmost first, for parents and hard links missing here
  /// False: layers below exist but are not unpacked yet (lower_dirs is empty then). What would need
  /// one fails with kFailedPrecondition and a frame that starts with kNeedsLowerLayer; the caller
  /// tries again when they are there. Nothing below and true: parents are made with 0755, root.
  bool lowers_complete = true;
  std::uint64_t max_bytes = 0;    ///< expanded size; 0: 1 TiB
  std::uint64_t max_entries = 0;  ///< 0: 10 million
};

/// Compression is detected from the bytes (gzip, zstd, none), whatever the media type said.
/// `cancel` kills the worker.
Result<std::unique_ptr<LayerSink>> start_unpack(const UnpackRequest& request, std::stop_token cancel);

}  // namespace berth::image
