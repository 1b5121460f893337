// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "daemon/streaming/http_upgrade.hpp"

using namespace berth::daemon::streaming;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto head = http_head_size(bytes);
  if (!head) return 0;
  HttpRefusal refusal;
  const auto upgrade = negotiate_upgrade(bytes.substr(0, *head), refusal);
  // Whatever came, what goes back is one answer and nothing of the client's making.
  const std::string answer = upgrade ? upgrade->answer : refusal.text();
  if (!answer.starts_with("HTTP/1.1 ") || answer.find("\r\n\r\n") == std::string::npos) __builtin_trap();
  return 0;
}
