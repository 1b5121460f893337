// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

/// Id mappings of user namespaces and of id-mapped mounts. Pure.
namespace berth::oci {

/// Empty ranges, ranges past the last id, ranges that overlap on either side, and more of them than
/// the kernel takes are kInvalidArgument.
Result<void> check_id_mappings(std::string_view field, const std::vector<IdMapping>& mappings);

/// What is written into /proc/PID/uid_map.
std::string id_map_text(const std::vector<IdMapping>& mappings);

/// The host's id of a container's; nullopt when it has none.
std::optional<std::uint32_t> host_id(const std::vector<IdMapping>& mappings, std::uint32_t container_id);

}  // namespace berth::oci
