// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime {

/// Sets of capabilities as bits: 1 << CAP_CHOWN and so on.
struct CapabilityMasks {
  std::uint64_t bounding = 0, effective = 0, permitted = 0, inheritable = 0, ambient = 0;
};

/// "CAP_NET_ADMIN" to its number; nullopt for what no kernel header knows. Case counts.
std::optional<unsigned> capability_number(std::string_view name);
/// "CAP_NET_ADMIN"; "CAP_63" for a number without a name.
std::string capability_name(unsigned number);
/// Names of all bits, in the order of their numbers.
std::vector<std::string> capability_names(std::uint64_t mask);
/// Bits of the names; those that nobody knows are appended to `unknown`.
std::uint64_t capability_mask(const std::vector<std::string>& names, std::vector<std::string>& unknown);

/// What a plan sets. Effective is cut to permitted, and ambient too, because the kernel refuses
/// more. Inheritable is never what was asked for but exactly the ambient set: anything more
/// survives into file capabilities of the image. Unknown names are appended to `unknown`.
CapabilityMasks capability_masks(const oci::Capabilities& sets, std::vector<std::string>& unknown);

/// What this process may hand on: its bounding set, up to the kernel's last capability. Asked once.
std::uint64_t own_bounding_set();
/// Cuts a request to what this host can give and returns the names that fell out.
std::vector<std::string> clamp_capabilities(oci::Capabilities& sets, std::uint64_t available);

}  // namespace berth::runtime
