// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "daemon/streaming/big_endian.hpp"
#include "daemon/streaming/websocket_channels.hpp"

using namespace berth;
using namespace berth::daemon::streaming;
using namespace std::string_literals;

namespace {

/// A client's frame, masked.
std::string frame(unsigned first_byte, std::string_view payload,
                  const std::string& mask = "\x37\xfa\x21\x3d") {
  std::string wire(1, static_cast<char>(first_byte));
  if (payload.size() <= 125) {
    wire += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() <= 0xffff) {
    wire += static_cast<char>(0x80 | 126);
    put_big_endian<2>(wire, payload.size());
  } else {
    wire += static_cast<char>(0x80 | 127);
    put_big_endian<8>(wire, payload.size());
  }
  wire += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) wire += static_cast<char>(payload[i] ^ mask[i % 4]);
  return wire;
}

struct Server : WebSocketDecoder::Events {
  WebSocketDecoder decoder;
  std::string story;
  std::string text;
  Result<void> message(std::string_view part, bool first, bool last) override {
    if (first) text.clear();
    text += part;
    if (last) story += cat("message ", text, "; ");
    return {};
  }
  Result<void> ping(std::string_view payload) override {
    story += cat("ping ", payload, "; ");
    return {};
  }
  Result<void> close() override {
    story += "close; ";
    return {};
  }
  Result<void> feed(std::string bytes) { return decoder.feed(bytes, *this); }
};

struct Channels : WebSocketChannels::Handler {
  explicit Channels(WebSocketChannels::Form form) : channels(form, *this, out) {}
  OutQueue out;
  WebSocketChannels channels;
  std::string story;
  Result<void> data(std::uint8_t channel, std::string_view bytes) override {
    story += cat(int{channel}, " ", bytes, "; ");
    return {};
  }
  void ended(std::uint8_t channel) override { story += cat("end ", int{channel}, "; "); }
  void goodbye() override { story += "goodbye; "; }
  Result<void> feed(std::string bytes) { return channels.feed(bytes); }
};

}  // namespace

TEST_CASE("The RFC's masked Hello is read: golden bytes") {
  Server server;
  REQUIRE(server.feed("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"));
  CHECK(server.story == "message Hello; ");
}

TEST_CASE("WebSocket frames are understood wherever they are cut") {
  const std::string wire = frame(0x02, "frag") + frame(0x89, "still there?") + frame(0x80, "ment") +
                           frame(0x82, std::string(300, 'x')) + frame(0x82, "") + frame(0x88, "\x03\xe8");
  const std::string expected =
      "ping still there?; message fragment; message " + std::string(300, 'x') + "; message ; close; ";
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    Server server;
    REQUIRE(server.feed(wire.substr(0, cut)));
    REQUIRE(server.feed(wire.substr(cut)));
    CHECK(server.story == expected);
  }
}

TEST_CASE("A long frame is unmasked right in pieces of any size") {
  std::string payload;
  for (int i = 0; i < 70000; ++i) payload += static_cast<char>(i * 7);
  const std::string wire = frame(0x82, payload);
  for (const std::size_t piece : {1U, 3U, 7U, 8U, 4096U, 100000U}) {
    Server server;
    for (std::size_t at = 0; at < wire.size(); at += piece) REQUIRE(server.feed(wire.substr(at, piece)));
    CHECK(server.text == payload);
  }
}

TEST_CASE("What breaks RFC 6455 ends the connection with 1002") {
  const std::string cases[] = {
      "\x82\x05Hello",   // not masked
      frame(0xc2, "x"),  // a reserved bit
      frame(0x83, "x"),
      frame(0x8b, "x"),                                     // unknown opcodes
      frame(0x80, "x"),                                     // the continuation of nothing
      frame(0x02, "a") + frame(0x82, "b"),                  // a message within another
      frame(0x09, "x"),                                     // a ping cut up
      frame(0x89, std::string(126, 'x')),                   // a ping too long
      frame(0x88, "x"),                                     // half a close code
      "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"s,  // 2^64 - 1 bytes
  };
  for (const auto& wire : cases) {
    Server server;
    CHECK_FALSE(server.feed(wire));
    CHECK(server.decoder.error_code() == 1002);
  }
}

TEST_CASE("A server's frames use the shortest length: golden bytes") {
  CHECK(websocket_header(WebSocketFrame::kBinary, 125) == "\x82\x7d");
  CHECK(websocket_header(WebSocketFrame::kBinary, 126) == "\x82\x7e\0\x7e"s);
  CHECK(websocket_header(WebSocketFrame::kBinary, 65536) == "\x82\x7f\0\0\0\0\0\1\0\0"s);
  CHECK(websocket_close(1000) == "\x88\x02\x03\xe8");
  CHECK(websocket_close(1002, std::string(500, 'x')).size() == 127);
}

TEST_CASE("The first byte of a message is its channel") {
  Channels binary({});
  REQUIRE(
      binary.feed(frame(0x82, "\0hello"s) + frame(0x82, "\4") + frame(0x82, "") + frame(0x82, "\xff\0"s)));
  CHECK(binary.story == "0 hello; 255 \0; "s);
  binary.channels.send(1, "out");
  CHECK(binary.out.pending() == "\x82\x04\x01out");
}

TEST_CASE("v5: a message on channel 255 ends a channel") {
  Channels channels({.close_signal = true});
  REQUIRE(channels.feed(frame(0x82, "\xff\0"s) + frame(0x88, "")));
  CHECK(channels.story == "end 0; goodbye; ");
}

TEST_CASE("base64 channels: a digit, then the encoded bytes") {
  Channels channels({.base64 = true});
  REQUIRE(channels.feed(frame(0x01, "0aGV") + frame(0x80, "sbG8=")));
  CHECK(channels.story == "0 hello; ");
  CHECK_FALSE(channels.feed(frame(0x81, "0!!!")));
  channels.channels.send(2, "err");
  CHECK(channels.out.pending() ==
        "\x81\x05"
        "2ZXJy");
}

TEST_CASE("A base64 message without end is refused") {
  Channels channels({.base64 = true});
  REQUIRE(channels.feed(frame(0x01, "0")));
  Result<void> fed;
  for (int i = 0; i < 20 && fed; ++i) fed = channels.feed(frame(0x00, std::string(65536, 'A')));
  CHECK_FALSE(fed);
}

TEST_CASE("Pings are answered with their payload") {
  Channels channels({});
  REQUIRE(channels.feed(frame(0x89, "abc")));
  CHECK(channels.out.pending() ==
        "\x8a\x03"
        "abc");
}
