// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "image/tar_stream.hpp"

namespace berth::image {

/// What berth-unpack says at its end, on one line of JSON: what it applied, or its error.
std::string format_unpack_report(const Result<LayerSink::Applied>& outcome);
/// kInternal when `line` is no report.
Result<LayerSink::Applied> parse_unpack_report(std::string_view line);
inline constexpr std::size_t kMaxUnpackReport = 64UL * 1024;

}  // namespace berth::image
