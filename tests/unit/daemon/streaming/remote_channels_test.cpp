// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/remote_channels.hpp"

#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "daemon/streaming/big_endian.hpp"
#include "daemon/streaming/remote_status.hpp"
#include "daemon/streaming/spdy_frame.hpp"

using namespace berth;
using namespace berth::daemon::streaming;
using namespace std::string_literals;

namespace {

struct Program : ChannelEvents {
  std::string story;
  void stdin_bytes(std::string_view bytes) override { story += cat("in ", bytes, "; "); }
  void stdin_ended() override { story += "eof; "; }
  void resized(std::uint16_t columns, std::uint16_t rows) override { story += cat(columns, "x", rows, "; "); }
  void goodbye() override { story += "goodbye; "; }
};

std::string open(SpdyDeflater& deflater, std::uint32_t stream, const std::string& type) {
  std::string payload;
  put32(payload, stream);
  put32(payload, 0);
  payload += "\0\0"s + deflater.block({{"streamtype", type}});
  std::string frame = "\x80\x03\0\1"s;
  put32(frame, payload.size());
  return frame + payload;
}

void feed(RemoteChannels& channels, std::string bytes) {
  REQUIRE(channels.feed(bytes));
}

}  // namespace

TEST_CASE("An exec over SPDY begins when every stream it needs is there, in any order") {
  Program program;
  OutQueue out;
  SpdyDeflater deflater;
  const auto channels = spdy_channels(4, {.in = true, .out = true, .terminal = true}, program, out);
  std::uint32_t stream = 1;
  for (const char* type : {"resize", "stdout", "error"}) {
    feed(*channels, open(deflater, stream, type));
    CHECK_FALSE(channels->complete());
    stream += 2;
  }
  feed(*channels, open(deflater, stream, "stdin"));
  CHECK(channels->complete());
}

TEST_CASE("A second stdin, and a stream that was not asked for, are refused and disturb nothing") {
  Program program;
  OutQueue out;
  SpdyDeflater deflater;
  const auto channels = spdy_channels(4, {.in = true}, program, out);
  std::uint32_t stream = 1;
  for (const char* type : {"stdin", "stdin", "stderr", "nonsense"}) {
    feed(*channels, open(deflater, stream, type));
    stream += 2;
  }
  const std::string replies(out.pending());
  for (const std::uint32_t refused : {3U, 5U, 7U})
    CHECK(replies.find(SpdyEncoder::rst_stream(refused, SpdyReset::kRefusedStream)) != std::string::npos);
  feed(*channels, SpdyEncoder::data_header(1, 2) + "ok" + SpdyEncoder::data_header(3, 3) + "bad" +
                      SpdyEncoder::data_header(1, 0, true));
  CHECK(program.story == "in ok; eof; ");
}

TEST_CASE("The third version has resizing, the second has not") {
  Program program;
  OutQueue out;
  for (const int version : {2, 3}) {
    SpdyDeflater deflater;
    const auto channels = spdy_channels(version, {.terminal = true}, program, out);
    feed(*channels, open(deflater, 1, "error"));
    CHECK(channels->complete() == (version == 2));
  }
}

TEST_CASE("A WebSocket client is greeted on the lowest channel it reads") {
  Program program;
  for (const auto& [wanted, greeting] : {std::pair{WantedChannels{.out = true, .err = true}, "\x82\x01\x01"},
                                         {WantedChannels{.err = true}, "\x82\x01\x02"},
                                         {WantedChannels{.in = true}, "\x82\x01\x03"}}) {
    OutQueue out;
    const auto channels = websocket_remote_channels(5, false, wanted, program, out);
    CHECK(out.pending() == greeting);
    CHECK(channels->complete());
  }
}

TEST_CASE("Terminal sizes: whole numbers in any packing; zeros and nonsense are ignored") {
  Program program;
  ResizeReader reader;
  const std::string text = R"({"Width":80,"Height":24}
{"Width":0,"Height":0}{"Width":65535,"Height":65536} nonsense} {"Width":-1,"Height":5} {"Width":"9","Height":9}
{"Width":1e9,"Height":2}[1,2]})" +
                           std::string(100000, '{') + "}" + R"({"Height":50,"Width":132})";
  for (const char c : text) reader.feed({&c, 1}, program);
  CHECK(program.story == "80x24; 65535x65535; 132x50; ");
}

TEST_CASE("How a command ended: a Status since v4, a sentence before") {
  CHECK(RemoteStatus::exited(0).json == R"({"metadata":{},"status":"Success"})");
  CHECK(RemoteStatus::exited(0).text.empty());
  const auto three = RemoteStatus::exited(3);
  CHECK(three.json ==
        R"({"details":{"causes":[{"message":"3","reason":"ExitCode"}]},"message":"command terminated with )"
        R"(non-zero exit code: exit status 3","metadata":{},"reason":"NonZeroExitCode","status":"Failure"})");
  const auto broken = RemoteStatus::failed(Error(Code::kInternal, "no \xff such thing"));
  CHECK(broken.json.find(R"("reason":"InternalError")") != std::string::npos);
  for (const int version : {3, 4}) {
    Program program;
    OutQueue out;
    SpdyDeflater deflater;
    const auto channels = spdy_channels(version, {}, program, out);
    feed(*channels, open(deflater, 1, "error"));
    channels->finish(three.json, three.text);
    CHECK((out.pending().find("NonZeroExitCode") != std::string::npos) == (version == 4));
  }
}
