// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "image/image.hpp"

namespace berth::image {

/// Reads an untrusted image config (image-spec config.md). Absent, null and empty mean the same.
/// Refuses what this host cannot use: another operating system, a rootfs that is not layers.
Result<ImageConfig> parse_image_config(std::string_view bytes);

}  // namespace berth::image
