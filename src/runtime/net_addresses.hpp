// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace berth::runtime {

/// The addresses of a device of this network namespace that stay with it when it is moved: global and
/// permanent ones, in the words of plan::OpKind::kLinkUp. kInvalidArgument when there is no such device.
Result<std::vector<std::uint64_t>> permanent_addresses(const std::string& device);

/// Appends what one packet of a dump says about device `index`; true when the dump goes on. Anything
/// malformed ends it.
bool read_addresses(std::span<const std::byte> packet, unsigned index, std::vector<std::uint64_t>& words);

}  // namespace berth::runtime
