// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/id_mappings.hpp"

#include "base/cat.hpp"

namespace berth::oci {
namespace {

constexpr std::size_t kMaxMappings = 340;        // UID_GID_MAP_MAX_EXTENTS
constexpr std::uint64_t kEndOfIds = 0xffffffff;  // the last number means "no id"

bool overlap(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

}  // namespace

Result<void> check_id_mappings(std::string_view field, const std::vector<IdMapping>& mappings) {
  const auto refuse = [&](const IdMapping& entry, std::string_view problem) {
    return Error(Code::kInvalidArgument,
                 cat(field, ": ", entry.container_id, " ", entry.host_id, " ", entry.size, " ", problem));
  };
  if (mappings.size() > kMaxMappings)
    return Error(Code::kInvalidArgument, cat(field, ": more than ", kMaxMappings, " entries"));
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const IdMapping& entry = mappings[i];
    if (entry.size == 0) return refuse(entry, "maps nothing");
    const bool fits = std::uint64_t{entry.container_id} + entry.size <= kEndOfIds &&
                      std::uint64_t{entry.host_id} + entry.size <= kEndOfIds;
    if (!fits) return refuse(entry, "goes past the last id");
    for (std::size_t j = 0; j < i; ++j) {
      if (overlap(entry.container_id, entry.size, mappings[j].container_id, mappings[j].size) ||
          overlap(entry.host_id, entry.size, mappings[j].host_id, mappings[j].size)) {
        return refuse(entry, "overlaps an earlier entry");
      }
    }
  }
  return {};
}

std::string id_map_text(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const IdMapping& entry : mappings)
    text.append(cat(entry.container_id, " ", entry.host_id, " ", entry.size, "\n"));
  return text;
}

std::optional<std::uint32_t> host_id(const std::vector<IdMapping>& mappings, std::uint32_t container_id) {
  for (const IdMapping& entry : mappings) {
    if (container_id >= entry.container_id && container_id - entry.container_id < entry.size)
      return entry.host_id + (container_id - entry.container_id);
  }
  return std::nullopt;
}

}  // namespace berth::oci
