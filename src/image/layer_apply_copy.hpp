// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "image/layer_apply_tree.hpp"

namespace berth::image {

/// Copies one file of the layers below, no directory, into this layer with all its attributes: a
/// hard link needs its target in the same layer. `real_path` as LayerLowers::find() took it.
Result<void> copy_up(LayerTree& tree, const LayerLowers::Found& below, const std::string& real_path,
                     const Place& place);

}  // namespace berth::image
