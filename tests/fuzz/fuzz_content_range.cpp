// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/registry/header_values.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto range = berth::image::parse_content_range(text);
  if (range && (range->last < range->first || (range->total && *range->total <= range->last))) std::abort();
  const auto patience = berth::image::parse_retry_after(text, 1'000'000);
  if (patience && patience->count() < 0) std::abort();
  return 0;
}
