// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/json.hpp"
#include "daemon/streaming/remote_channels.hpp"

namespace berth::daemon::streaming {
namespace {

constexpr std::size_t kMaxObject = 256;

/// 0 when there is no such number.
std::uint16_t number(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return 0;
  return static_cast<std::uint16_t>(std::min<std::uint64_t>(found->get<std::uint64_t>(), 0xffff));
}

}  // namespace

void ResizeReader::feed(std::string_view bytes, ChannelEvents& events) {
  for (const char byte : bytes) {
    if (text_.size() < kMaxObject) text_ += byte;
    if (byte != '}') continue;
    const auto size = parse_json(text_, kMaxObject, "terminal size");
    text_.clear();
    if (!size || !size->is_object()) continue;
    const std::uint16_t columns = number(*size, "Width");
    const std::uint16_t rows = number(*size, "Height");
    if (columns > 0 && rows > 0) events.resized(columns, rows);
  }
}

}  // namespace berth::daemon::streaming
