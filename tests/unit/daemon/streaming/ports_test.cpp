// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "daemon/streaming/big_endian.hpp"
#include "daemon/streaming/port_channels.hpp"
#include "daemon/streaming/spdy_frame.hpp"

using namespace berth;
using namespace berth::daemon::streaming;
using namespace std::string_literals;

namespace {

struct Pod : PortEvents {
  std::string story;
  void opened(std::uint32_t key, std::uint16_t port) override {
    story += cat("open ", key, " to ", port, "; ");
  }
  void data(std::uint32_t key, std::string_view bytes) override { story += cat(key, " ", bytes, "; "); }
  void ended(std::uint32_t key) override { story += cat("end ", key, "; "); }
  void cancelled(std::uint32_t key) override { story += cat("cancel ", key, "; "); }
  void goodbye() override { story += "goodbye; "; }
};

struct Client {
  SpdyDeflater deflater;
  std::string open(std::uint32_t stream, const SpdyHeaders& headers) {
    std::string payload;
    put32(payload, stream);
    put32(payload, 0);
    payload += "\0\0"s + deflater.block(headers);
    std::string frame = "\x80\x03\0\1"s;
    put32(frame, payload.size());
    return frame + payload;
  }
};

std::string masked(std::string_view payload) {
  std::string frame = "\x82"s;
  frame += static_cast<char>(0x80 | payload.size());
  frame += "\0\0\0\0"s;
  return frame.append(payload);
}

void feed(PortChannels& channels, std::string bytes) {
  REQUIRE(channels.feed(bytes));
}

}  // namespace

TEST_CASE("A pair of streams is one connection, in either order, and pairs may cross") {
  Pod pod;
  OutQueue out;
  Client client;
  const auto ports = spdy_ports(pod, out);
  feed(*ports, client.open(1, {{"streamtype", "error"}, {"port", "80"}, {"requestid", "a"}}));
  feed(*ports, client.open(3, {{"streamtype", "data"}, {"port", "81"}, {"requestid", "b"}}));
  CHECK(pod.story.empty());
  feed(*ports, client.open(5, {{"streamtype", "error"}, {"port", "81"}, {"requestid", "b"}}));
  feed(*ports, client.open(7, {{"streamtype", "data"}, {"port", "80"}, {"requestid", "a"}}));
  CHECK(pod.story == "open 3 to 81; open 7 to 80; ");
}

TEST_CASE("Clients from before requestID: the data stream follows its error stream") {
  Pod pod;
  OutQueue out;
  Client client;
  const auto ports = spdy_ports(pod, out);
  feed(*ports, client.open(1, {{"streamtype", "error"}, {"port", "80"}}));
  feed(*ports, client.open(3, {{"streamtype", "data"}, {"port", "80"}}));
  CHECK(pod.story == "open 3 to 80; ");
}

TEST_CASE("Streams of no kind, to no port, or a third of a pair are refused") {
  Pod pod;
  OutQueue out;
  Client client;
  const auto ports = spdy_ports(pod, out);
  std::uint32_t stream = 1;
  for (const SpdyHeaders& headers : {SpdyHeaders{{"streamtype", "stdin"}, {"port", "80"}},
                                     {{"streamtype", "data"}},
                                     {{"streamtype", "data"}, {"port", "0"}},
                                     {{"streamtype", "data"}, {"port", "65536"}},
                                     {{"streamtype", "data"}, {"port", "80x"}}}) {
    feed(*ports, client.open(stream, headers));
    CHECK(out.pending().ends_with(SpdyEncoder::rst_stream(stream, SpdyReset::kRefusedStream)));
    stream += 2;
  }
  feed(*ports, client.open(21, {{"streamtype", "error"}, {"port", "80"}, {"requestid", "a"}}));
  feed(*ports, client.open(23, {{"streamtype", "error"}, {"port", "80"}, {"requestid", "a"}}));
  CHECK(out.pending().ends_with(SpdyEncoder::rst_stream(23, SpdyReset::kRefusedStream)));
  CHECK(pod.story.empty());
}

TEST_CASE("A connection that failed says why on its error stream and resets its data stream") {
  Pod pod;
  OutQueue out;
  Client client;
  const auto ports = spdy_ports(pod, out);
  feed(*ports, client.open(1, {{"streamtype", "error"}, {"port", "80"}, {"requestid", "a"}}));
  feed(*ports, client.open(3, {{"streamtype", "data"}, {"port", "80"}, {"requestid", "a"}}));
  out.sent(out.size());
  ports->fail(3, "refused");
  CHECK(out.pending() == SpdyEncoder::data_header(1, 7) + "refused" + SpdyEncoder::data_header(1, 0, true) +
                             SpdyEncoder::data_header(3, 0, true) +
                             SpdyEncoder::rst_stream(3, SpdyReset::kCancel));
  feed(*ports, SpdyEncoder::data_header(3, 4) + "late");
  CHECK(pod.story == "open 3 to 80; ");
}

TEST_CASE("WebSocket ports: two channels each, which begin with the port, low byte first") {
  Pod pod;
  OutQueue out;
  const auto ports = websocket_ports(false, {80, 0x1234}, pod, out);
  CHECK(out.pending() == "\x82\3\0\x50\0\x82\3\1\x50\0\x82\3\2\x34\x12\x82\3\3\x34\x12"s);
  feed(*ports, masked("\2hello") + masked("\1ignored") + masked("\x09nowhere"));
  CHECK(pod.story == "1 hello; ");
  CHECK_FALSE(ports->is_over());
  ports->fail(0, "no");
  ports->end(1);
  CHECK(ports->is_over());
  CHECK(out.pending().ends_with("\x82\3\1no\x88\2\3\xe8"s));
}

TEST_CASE("SPDY goes through the messages of a WebSocket, cut as it may be") {
  Pod pod;
  OutQueue out;
  Client client;
  const auto ports = tunnelled_ports(pod, out);
  std::string wire = client.open(
      1, {{"streamtype", "error"}, {"port", "80"}, {"requestid", "a"}});  // header blocks follow one another
  wire += client.open(3, {{"streamtype", "data"}, {"port", "80"}, {"requestid", "a"}});
  wire += SpdyEncoder::data_header(3, 2, true) + "hi";
  for (const char byte : wire) feed(*ports, masked({&byte, 1}));
  CHECK(pod.story == "open 3 to 80; 3 h; 3 i; end 3; ");
  out.sent(out.size());
  ports->send(3, "yes");
  CHECK(out.pending() == "\x82\x0b"s + SpdyEncoder::data_header(3, 3) + "yes");
  feed(*ports, "\x88\x80\0\0\0\0"s);
  CHECK(pod.story.ends_with("goodbye; "));
}
