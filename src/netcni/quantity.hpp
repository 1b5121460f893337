// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace berth::netcni {

/// Bits per second from a Kubernetes quantity ("10M", "1.5Gi", "2e6"), as pods write them into their
/// bandwidth annotations; rounded up. kInvalidArgument outside of what Kubernetes accepts there: 1k to 1P.
Result<std::uint64_t> parse_bandwidth(std::string_view text);

}  // namespace berth::netcni
