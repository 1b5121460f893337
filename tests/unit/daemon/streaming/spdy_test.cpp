// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "daemon/streaming/big_endian.hpp"
#include "daemon/streaming/spdy_connection.hpp"

using namespace berth;
using namespace berth::daemon::streaming;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

/// What a client writes: the encoder that a server has no use for.
class SpdyClient {
 public:
  std::string open(std::uint32_t stream, const SpdyHeaders& headers, bool fin = false) {
    std::string payload;
    put32(payload, stream);
    put32(payload, 0);
    payload += "\0\0"s;
    return control(1, payload + deflater_.block(headers), fin ? 1 : 0);
  }
  static std::string control(unsigned type, std::string_view payload, unsigned flags = 0) {
    std::string frame = "\x80\x03"s;
    put_big_endian<2>(frame, type);
    put32(frame, std::size_t{flags} << 24 | payload.size());
    return frame.append(payload);
  }
  static std::string words(std::uint32_t first, std::uint32_t second) {
    std::string payload;
    put32(payload, first);
    put32(payload, second);
    return payload;
  }

 private:
  SpdyDeflater deflater_;
};

std::string data(std::uint32_t stream, std::string_view bytes, bool fin = false) {
  return SpdyEncoder::data_header(stream, bytes.size(), fin).append(bytes);
}

/// Writes down what happens on a connection.
struct Server : SpdyConnection::Handler {
  OutQueue out;
  SpdyConnection connection{*this, out};
  std::string story;
  bool refuses = false;

  std::optional<SpdyReset> opened(std::uint32_t stream, const SpdyHeaders& headers) override {
    story += cat("open ", stream, " ", find_header(headers, "streamtype"), "; ");
    return refuses ? std::optional(SpdyReset::kRefusedStream) : std::nullopt;
  }
  void data(std::uint32_t stream, std::string_view bytes) override {
    story += cat("data ", stream, " ", bytes, "; ");
  }
  void ended(std::uint32_t stream) override { story += cat("end ", stream, "; "); }
  void was_reset(std::uint32_t stream) override { story += cat("reset ", stream, "; "); }
  std::string sent() {
    std::string bytes(out.pending());
    out.sent(bytes.size());
    return bytes;
  }
};

}  // namespace

TEST_CASE("A header block of another implementation is read: golden bytes") {
  // zlib with the protocol's dictionary over {"streamtype": "stdin"}, made independently of our code
  const std::string golden =
      "\x78\xf9\xe3\xc6\xa7\xc2\x02\xa6\x23\x46\x70\x3a\x2b\x29\x4a\x4d\xcc\x85\x16\x25\xac\xc5\x25\xc0\x3c"
      "\x01"
      "\x00\x00\x00\xff\xff"s;
  SpdyInflater inflater;
  const auto headers = inflater.block(golden);
  REQUIRE(headers);
  CHECK(*headers == SpdyHeaders{{"streamtype", "stdin"}});
}

TEST_CASE("Header blocks of one direction share one stream") {
  SpdyDeflater deflater;
  SpdyInflater inflater;
  for (int i = 0; i < 100; ++i) {
    const SpdyHeaders headers = {{"streamtype", "error"}, {"port", std::to_string(i)}, {"empty", ""}};
    const auto read = inflater.block(deflater.block(headers));
    REQUIRE(read);
    CHECK(*read == headers);
  }
}

TEST_CASE("A header block that inflates without end is refused, in bounded memory") {
  std::string plain(64 << 20, 'a');
  SpdyDeflater deflater;
  SpdyInflater inflater;
  const auto bomb = deflater.block({{"a", plain}});
  REQUIRE(bomb.size() < 1 << 20);
  const auto read = inflater.block(bomb);
  REQUIRE_FALSE(read);
  CHECK(read.error().to_string() == "SPDY header block: it is too large");
}

TEST_CASE("Header blocks that lie about their lengths are refused") {
  for (const std::string_view plain :
       {"\0\0"sv, "\0\0\0\2\0\0\0\1a\0\0\0\0"sv, "\0\0\0\1\xff\xff\xff\xff"sv, "\xff\xff\xff\xff"sv,
        "\0\0\0\1\0\0\0\0\0\0\0\1x"sv, "\0\0\0\0junk"sv}) {
    z_stream z{};
    REQUIRE(::deflateInit(&z, 9) == Z_OK);
    std::string packed(256, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    z.avail_in = static_cast<uInt>(plain.size());
    z.next_out = reinterpret_cast<Bytef*>(packed.data());
    z.avail_out = static_cast<uInt>(packed.size());
    REQUIRE(::deflate(&z, Z_SYNC_FLUSH) == Z_OK);
    packed.resize(packed.size() - z.avail_out);
    ::deflateEnd(&z);
    SpdyInflater inflater;
    CHECK_FALSE(inflater.block(packed));
  }
  SpdyInflater inflater;
  CHECK_FALSE(inflater.block("this was never compressed"));
}

TEST_CASE("Frames are understood wherever they are cut") {
  SpdyClient client;
  std::string wire = client.open(1, {{"StreamType", "stdin"}});  // header blocks follow one another
  wire += data(1, "hello") + SpdyClient::control(4, "\0\0\0\0"s);
  wire += client.open(3, {{"streamtype", "error"}}, true);
  wire += data(1, "", true) + SpdyClient::control(3, SpdyClient::words(3, 5));
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    Server server;
    REQUIRE(server.connection.feed(std::string_view(wire).substr(0, cut)));
    REQUIRE(server.connection.feed(std::string_view(wire).substr(cut)));
    std::string joined = server.story;  // data may come in two parts
    while (joined.find("; data 1 ", 18) != std::string::npos) joined.erase(joined.find("; data 1 ", 18), 9);
    CHECK(joined == "open 1 stdin; data 1 hello; open 3 error; end 3; end 1; reset 3; ");
  }
}

TEST_CASE("A server's frames: golden bytes") {
  CHECK(SpdyEncoder::data_header(5, 0x010203, true) == "\0\0\0\5\1\1\2\3"s);
  CHECK(SpdyEncoder::rst_stream(7, SpdyReset::kRefusedStream) == "\x80\3\0\3\0\0\0\10\0\0\0\7\0\0\0\3"s);
  CHECK(SpdyEncoder::ping(9) == "\x80\3\0\6\0\0\0\4\0\0\0\11"s);
  CHECK(SpdyEncoder::go_away(3, 0) == "\x80\3\0\7\0\0\0\10\0\0\0\3\0\0\0\0"s);
  SpdyEncoder encoder;
  const std::string reply = encoder.syn_reply(1);
  CHECK(reply.substr(0, 4) == "\x80\3\0\2"s);
  SpdyInflater inflater;
  CHECK(inflater.block(reply.substr(12)));
}

TEST_CASE("Pings are answered, our own kind is not") {
  Server server;
  REQUIRE(server.connection.feed(SpdyClient::control(6, "\0\0\0\1"s)));
  CHECK(server.sent() == SpdyEncoder::ping(1));
  REQUIRE(server.connection.feed(SpdyClient::control(6, "\0\0\0\2"s)));
  CHECK(server.sent().empty());
}

TEST_CASE("What breaks the protocol ends the connection") {
  SpdyClient client;
  const std::string open = client.open(1, {});
  const std::string cases[] = {
      data(0, "x"),                                              // stream 0
      data(9, "x"),                                              // never opened
      "\x80\x02\0\1\0\0\0\0"s,                                   // another version
      SpdyClient::control(1, std::string(20, 'x')),              // not compressed
      SpdyClient::control(1, "short"),                           //
      SpdyClient::control(6, "12345"),                           // a ping of five bytes
      "\x80\3\0\1\0\xff\xff\xff"s,                               // a control frame of 16 MiB
      SpdyClient::control(9, SpdyClient::words(0, 0x7fffffff)),  // the session's window overflows
      SpdyClient::control(9, SpdyClient::words(1, 0x7fffffff)),  // a stream's window overflows
  };
  for (const auto& wire : cases) {
    Server server;
    REQUIRE(server.connection.feed(open));
    CHECK_FALSE(server.connection.feed(wire));
  }
}

TEST_CASE("Streams are odd and count upwards") {
  for (const std::uint32_t second : {1U, 2U, 3U, 4U}) {
    SpdyClient client;
    Server server;
    REQUIRE(server.connection.feed(client.open(3, {})));
    CHECK_FALSE(server.connection.feed(client.open(second, {})));
  }
}

TEST_CASE("A stream too many is refused, and the others live on") {
  SpdyClient client;
  Server server;
  std::uint32_t stream = 1;
  for (std::size_t i = 0; i < SpdyConnection::kMaxStreams; ++i, stream += 2)
    REQUIRE(server.connection.feed(client.open(stream, {})));
  (void)server.sent();
  REQUIRE(server.connection.feed(client.open(stream, {})));
  CHECK(server.sent() == SpdyEncoder::rst_stream(stream, SpdyReset::kRefusedStream));
  REQUIRE(server.connection.feed(data(1, "still here")));
  CHECK(server.story.ends_with("data 1 still here; "));
}

TEST_CASE("What was on its way to a stream that is gone is dropped in silence") {
  SpdyClient client;
  Server server;
  REQUIRE(server.connection.feed(client.open(1, {})));
  server.connection.reset(1, SpdyReset::kCancel);
  (void)server.sent();
  server.story.clear();
  REQUIRE(server.connection.feed(data(1, "late")));
  CHECK(server.story.empty());
  server.connection.send(1, "nobody hears this");
  server.connection.end(1);
  CHECK(server.sent().empty());
}

TEST_CASE("A refused stream is reset, and its data is dropped") {
  SpdyClient client;
  Server server;
  server.refuses = true;
  REQUIRE(server.connection.feed(client.open(1, {}) + data(1, "x")));
  CHECK(server.sent() == SpdyEncoder::rst_stream(1, SpdyReset::kRefusedStream));
  CHECK(server.story == "open 1 ; ");
}
