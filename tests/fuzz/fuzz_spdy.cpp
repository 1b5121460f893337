// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "daemon/streaming/spdy_connection.hpp"

using namespace berth::daemon::streaming;

namespace {

struct Handler : SpdyConnection::Handler {
  std::size_t open = 0;
  std::optional<SpdyReset> opened(std::uint32_t stream, const SpdyHeaders&) override {
    if (stream % 7 == 0) return SpdyReset::kRefusedStream;
    ++open;
    return std::nullopt;
  }
  void data(std::uint32_t, std::string_view) override {}
  void ended(std::uint32_t) override {}
  void was_reset(std::uint32_t) override { --open; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Handler handler;
  OutQueue out;
  SpdyConnection connection(handler, out);
  std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t piece = std::size_t{data[0]} + 1;
  while (!bytes.empty() && connection.feed(bytes.substr(0, piece))) {
    bytes.remove_prefix(std::min(piece, bytes.size()));
    connection.send(1, "answer");
    if (handler.open > SpdyConnection::kMaxStreams * 2 + size) __builtin_trap();
  }
  return 0;
}
