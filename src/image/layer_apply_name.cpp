// SPDX-License-Identifier: Apache-2.0
#include "image/layer_apply_name.hpp"

#include <algorithm>

namespace berth::image {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kMetadata = ".wh..wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";

Error refused(const char* why) {
  return {Code::kInvalidArgument, why};
}

Result<LayerName> classify(LayerName name) {
  if (name.base == kOpaqueName) {
    name.kind = LayerName::Kind::kOpaque;
  } else if (name.base.starts_with(kMetadata)) {
    name.kind = LayerName::Kind::kMetadata;
  } else if (name.base.starts_with(kWhiteout)) {
    name.kind = LayerName::Kind::kWhiteout;
    name.base.erase(0, kWhiteout.size());
    if (name.base.empty() || name.base == "." || name.base == "..") return refused("a whiteout of nothing");
  }
  return name;
}

}  // namespace

Result<LayerName> parse_layer_name(std::string_view text) {
  LayerName name;
  bool is_metadata = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const std::string_view component = text.substr(at, end - at);
    at = end + 1;
    if (component.empty() || component == ".") continue;
    if (component == "..") return refused("its name leaves the layer");
    if (name.base.starts_with(kMetadata)) {
      is_metadata = true;
    } else if (name.base.starts_with(kWhiteout)) {
      return refused("a whiteout is used as a directory");
    }
    if (!name.base.empty()) {
      if (!name.parent.empty()) name.parent.push_back('/');
      name.parent.append(name.base);
    }
    name.base = component;
  }
  if (is_metadata) {
    name.kind = LayerName::Kind::kMetadata;
    return name;
  }
  return classify(std::move(name));
}

std::string printable(std::string_view name) {
  constexpr std::size_t kMax = 256;
  std::string out(name.substr(0, kMax));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  if (name.size() > kMax) out.append("...");
  return out;
}

}  // namespace berth::image
