// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/digest.hpp"

namespace berth::image {

/// Names of stacks of layers, bottom first (image-spec config.md "Layer ChainID"): the first is the
/// layer's own diff ID, each further one the SHA-256 of "<chain below> <diff ID>".
std::vector<std::string> chain_ids(const std::vector<Digest>& diff_ids);

}  // namespace berth::image
