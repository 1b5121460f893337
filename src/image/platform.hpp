// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace berth::image {

/// An operating system and processor in the words of the image-spec ("linux", "arm64", "v8").
struct Platform {
  std::string os, architecture, variant;
  std::string text() const { return os + "/" + architecture + (variant.empty() ? "" : "/" + variant); }
};

/// What images this host runs, with the best variant its processor knows.
const Platform& host_platform();

/// Position of the entry that suits `host` best: the same os and architecture, the highest variant
/// that is not above the host's; of equals the first. Entries without a platform never match.
std::optional<std::size_t> choose_platform(const std::vector<std::optional<Platform>>& entries,
                                           const Platform& host);

}  // namespace berth::image
