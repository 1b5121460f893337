// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::image {

using TarOutput = std::function<Result<void>(std::string_view)>;

/// Packs a layer's unpacked tree as a layer's tar again: whiteouts and opaque directories get their names
/// back. The same tree gives the same bytes, but not those that it was unpacked from: a tar's order,
/// repetitions and padding are not kept.
Result<void> pack_layer(const std::string& root, const TarOutput& output, const std::stop_token& cancel);

}  // namespace berth::image
