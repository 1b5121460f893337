// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "daemon/streaming/remote_channels.hpp"

using namespace berth::daemon::streaming;

namespace {

struct Events : ChannelEvents {
  void stdin_bytes(std::string_view) override {}
  void stdin_ended() override {}
  void resized(std::uint16_t columns, std::uint16_t rows) override {
    if (columns == 0 || rows == 0) __builtin_trap();
  }
  void goodbye() override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  Events events;
  OutQueue out;
  const int version = 1 + data[0] % 5;
  const auto channels = websocket_remote_channels(version, (data[0] & 0x80) != 0,
                                                  {.in = true, .out = true, .terminal = true}, events, out);
  const std::size_t piece = std::size_t{data[1]} + 1;
  for (std::size_t at = 2; at < size; at += piece) {
    std::string bytes(reinterpret_cast<const char*>(data + at), std::min(piece, size - at));
    if (const auto fed = channels->feed(bytes); !fed) {
      channels->say_why(fed.error());
      break;
    }
  }
  return 0;
}
