// SPDX-License-Identifier: Apache-2.0
#include "image/store_holds.hpp"

#include <charconv>

#include "base/atomic_file.hpp"
#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth::image {

Result<void> write_held_layers(const SnapshotLayout& layout, const std::string& key,
                               const std::vector<Layer>& layers) {
  std::string text;
  for (const Layer& layer : layers) text.append(cat(layer.number, "\n"));
  // Not synced: after a power cut the snapshot's processes are gone, too.
  return write_file(layout.layers(key), text, Durability::kAtomic);
}

Result<std::set<std::uint64_t>> read_held_layers(const SnapshotLayout& layout, const std::string& key) {
  ASSIGN_OR_RETURN(const std::string text, read_file(layout.layers(key), 64UL * 1024));
  std::set<std::uint64_t> numbers;
  const char* at = text.data();
  const char* const last = at + text.size();
  while (at != last) {
    std::uint64_t number = 0;
    const auto [end, err] = std::from_chars(at, last, number);
    if (err != std::errc() || end == last || *end != '\n') {
      return Error(Code::kInvalidArgument, cat(layout.layers(key), ": not a list of numbers"));
    }
    numbers.insert(number);
    at = end + 1;
  }
  return numbers;
}

}  // namespace berth::image
