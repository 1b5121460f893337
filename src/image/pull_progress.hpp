// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "image/manifest.hpp"

namespace berth::image {

struct LayerProgress {
  enum class State : std::uint8_t {
    kWaiting,
    kFetching,  ///< and unpacked as it comes
    kUnpacked,
    kThere,  ///< was in the store already
  };
  std::string digest;
  std::uint64_t size = 0;  ///< of the blob
  std::uint64_t fetched = 0;
  State state = State::kWaiting;
};

/// How far the layers of one pull have come, for whoever looks on. Thread-safe.
class PullProgress {
 public:
  void begin(const std::vector<Descriptor>& layers);
  /// kFetching begins the layer anew.
  void set(std::size_t layer, LayerProgress::State state);
  void add(std::size_t layer, std::uint64_t bytes) { (*layers_.lock())[layer].fetched += bytes; }
  /// Bottom first; empty while the manifest is not known.
  std::vector<LayerProgress> layers() const { return *layers_.lock(); }

 private:
  Guarded<std::vector<LayerProgress>> layers_;
};

}  // namespace berth::image
