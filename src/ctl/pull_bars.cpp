// SPDX-License-Identifier: Apache-2.0
#include "ctl/pull_bars.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/cat.hpp"
#include "base/json.hpp"
#include "ctl/table.hpp"

namespace berth::ctl {
namespace {

constexpr std::size_t kBar = 30;

struct Layer {
  std::string digest, state;
  std::uint64_t size = 0, fetched = 0;
  bool finished() const { return state == "unpacked" || state == "there"; }
};

bool read(const Json& layer, Layer& into) {
  if (!layer.is_object()) return false;
  const auto digest = json_string(layer, "digest", "layer");
  const auto state = json_string(layer, "state", "layer");
  const auto size = layer.find("size"), fetched = layer.find("fetched");
  if (!digest || !state || size == layer.end() || !size->is_number_unsigned() || fetched == layer.end() ||
      !fetched->is_number_unsigned())
    return false;
  into = {*digest, *state, size->get<std::uint64_t>(), fetched->get<std::uint64_t>()};
  return true;
}

std::string line_of(const Layer& layer) {
  const std::uint64_t fetched = layer.finished() ? layer.size : std::min(layer.fetched, layer.size);
  const std::size_t filled = layer.size == 0 ? kBar : fetched * kBar / layer.size;
  const std::string bar = std::string(filled, '=') + std::string(kBar - filled, ' ');
  return cat(short_id(layer.digest), " [", bar, "] ", format_bytes(fetched), " of ", format_bytes(layer.size),
             " ", layer.state, "\n");
}

}  // namespace

std::string format_pull(const std::string& pull, std::size_t most) {
  const auto document = parse_json(pull, 1U << 20, "pull");
  if (!document || !document->is_object()) return {};
  const auto found = document->find("layers");
  if (found == document->end() || !found->is_array()) return {};
  std::string lines;
  std::size_t finished = 0, shown = 0;
  for (const Json& entry : *found) {
    Layer layer;
    if (!read(entry, layer)) return {};
    if (layer.finished()) ++finished;
    if (shown == most || (found->size() > most && layer.finished())) continue;
    lines += line_of(layer);
    ++shown;
  }
  if (found->empty()) return {};
  return cat(lines, finished, " of ", found->size(), " layers\n");
}

}  // namespace berth::ctl
