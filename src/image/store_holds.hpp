// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/image.hpp"
#include "image/layout.hpp"

namespace berth::image {

/// The file that says which layers a snapshot stands on: written by the snapshotter, read by the
/// store before it deletes anything.
Result<void> write_held_layers(const SnapshotLayout& layout, const std::string& key,
                               const std::vector<Layer>& layers);
Result<std::set<std::uint64_t>> read_held_layers(const SnapshotLayout& layout, const std::string& key);

}  // namespace berth::image
