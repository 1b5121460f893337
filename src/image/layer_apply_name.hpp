// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::image {

/// A tar entry's name taken apart: no empty or "." components, never "..".
struct LayerName {
  std::string parent;  ///< "" is the layer's root
  std::string base;    ///< "" when the entry is the root itself
  /// Whiteouts of the image-spec (layer.md), and the leftovers of aufs, which mean nothing.
  enum class Kind : unsigned char { kPlain, kWhiteout, kOpaque, kMetadata };
  Kind kind = Kind::kPlain;  ///< kWhiteout: `base` is the name to hide

  std::string path() const { return parent.empty() ? base : parent + "/" + base; }
};

/// kInvalidArgument: "..", a whiteout of nothing, a whiteout used as a directory.
Result<LayerName> parse_layer_name(std::string_view name);

/// For messages: control characters replaced, length bounded.
std::string printable(std::string_view name);

}  // namespace berth::image
