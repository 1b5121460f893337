// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "image/image.hpp"

namespace berth::image {

/// The store's own form of an image's config, so that opening the store needs no image-spec parser.
std::string format_config_record(const ImageConfig& config);
Result<ImageConfig> parse_config_record(const std::string& text);

}  // namespace berth::image
