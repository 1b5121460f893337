// SPDX-License-Identifier: Apache-2.0
#include "image/decompress.hpp"

#include <zlib.h>
#include <zstd.h>

#include <catch2/catch.hpp>
#include <optional>

namespace berth::image {
namespace {

std::string gzip(const std::string& plain, int level = 6) {
  z_stream stream{};
  deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, plain.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// What zlib makes of one member and nothing behind it.
std::optional<std::string> zlib_gunzip(const std::string& data) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int code = inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  const bool whole = code == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole ? std::optional(out) : std::nullopt;
}

std::string zstd(const std::string& plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
  return out;
}

/// The plain bytes, or "error: ...".
std::string inflate_all(const std::string& data, std::size_t piece = SIZE_MAX) {
  MemorySource source(data, piece);
  auto inflated = decompress(source);
  std::string out;
  while (inflated) {
    auto now = (*inflated)->next();
    if (!now) return "error: " + now.error().to_string();
    if (now->empty()) return out;
    out.append(reinterpret_cast<const char*>(now->data()), now->size());
  }
  return "error: " + inflated.error().to_string();
}

std::string sample(std::size_t size) {
  std::string text;
  unsigned seed = 1;
  while (text.size() < size) {
    seed = seed * 1103515245U + 12345U;
    text.append((seed >> 16) % 7 == 0 ? std::string(40, static_cast<char>(seed >> 24))
                                      : std::to_string(seed));
  }
  text.resize(size);
  return text;
}

TEST_CASE("bytes that are not compressed pass unchanged", "[image][decompress]") {
  for (const std::string plain : {"", "a", "abc", "\x1f", "\x28\xb5\x2f", "plain text"}) {
    CHECK(inflate_all(plain) == plain);
    CHECK(inflate_all(plain, 1) == plain);
  }
}

TEST_CASE("gzip is inflated in pieces of any size, at any level", "[image][decompress]") {
  const std::string plain = sample(700000);
  for (const int level : {0, 1, 6, 9}) {
    const std::string data = gzip(plain, level);
    for (const std::size_t piece : {SIZE_MAX, 1UL, 7UL, 4096UL}) CHECK(inflate_all(data, piece) == plain);
  }
}

TEST_CASE("several gzip members are one stream, empty ones included", "[image][decompress]") {
  const std::string data = gzip("first ") + gzip("") + gzip("second", 0) + gzip("");
  CHECK(inflate_all(data) == "first second");
  CHECK(inflate_all(data, 1) == "first second");
}

TEST_CASE("zeros behind a gzip stream are padding, anything else is an error", "[image][decompress]") {
  CHECK(inflate_all(gzip("x") + std::string(700, '\0')) == "x");
  CHECK(inflate_all(gzip("x") + std::string(700, '\0'), 1) == "x");
  for (const std::string& tail :
       {std::string("garbage"), std::string("\x1f"), std::string("\x1f\x8b"), std::string("\0\0\0x", 4)}) {
    CHECK(inflate_all(gzip("x") + tail).starts_with("error: gzip stream: "));
    CHECK(inflate_all(gzip("x") + tail, 1).starts_with("error: gzip stream: "));
  }
  CHECK(inflate_all(gzip("x") + std::string(2, '\0') + gzip("y"))
            .starts_with("error: gzip stream: there is something"));
}

TEST_CASE("gzip headers with every optional field are read", "[image][decompress]") {
  const std::string body = gzip("content").substr(10);
  // FEXTRA, FNAME and FCOMMENT: flags 4, 8 and 16.
  const std::string header = std::string("\x1f\x8b\x08\x1c\0\0\0\0\0\x03", 10) +
                             std::string("\x04\0ABCD", 6) + std::string("name\0", 5) +
                             std::string("comment\0", 8);
  // FHCRC, flag 2: the header's own checksum.
  std::string checked = header;
  checked[3] = '\x1e';
  const auto crc =
      crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size()));
  checked += {static_cast<char>(crc & 0xff), static_cast<char>((crc >> 8) & 0xff)};
  for (const std::string& whole : {header + body, checked + body}) {
    for (std::size_t piece = 1; piece < 40; ++piece)
      CHECK(inflate_all(whole + whole, piece) == "contentcontent");
    CHECK(inflate_all(whole) == "content");
    for (std::size_t cut = 2; cut < header.size(); ++cut) {
      CHECK(inflate_all(whole.substr(0, cut), 1) == "error: gzip stream: it ends early");
    }
  }
  checked.back() = static_cast<char>(checked.back() ^ 1);
  CHECK(inflate_all(checked + body).starts_with("error: gzip stream: the checksum"));
}

TEST_CASE("a gzip stream cut anywhere is an error", "[image][decompress]") {
  const std::string data = gzip(sample(3000));
  for (std::size_t cut = 2; cut < data.size(); ++cut) {
    const std::string outcome = inflate_all(data.substr(0, cut));
    if (!outcome.starts_with("error: gzip stream: it ends early"))
      FAIL("cut at " << cut << ": " << outcome.substr(0, 80));
  }
}

TEST_CASE("a wrong CRC or length in gzip's trailer is an error", "[image][decompress]") {
  for (const std::size_t back : {1UL, 4UL, 5UL, 8UL}) {
    std::string data = gzip("some content");
    data[data.size() - back] = static_cast<char>(data[data.size() - back] ^ 0x55);
    CHECK(inflate_all(data).starts_with("error: gzip stream: the checksum"));
  }
}

TEST_CASE("damaged gzip streams are accepted exactly when zlib accepts them", "[image][decompress]") {
  const std::string good = gzip(sample(5000));
  unsigned seed = 7;
  for (int round = 0; round < 3000; ++round) {
    std::string data = good;
    seed = seed * 1103515245U + 12345U;
    // Byte 3, the flags, is left alone: zlib skips header checksums that igzip verifies.
    const std::size_t at = 10 + (seed >> 8) % (data.size() - 10);
    data[at] = static_cast<char>(data[at] ^ (1 << ((seed >> 4) % 8)));
    const auto oracle = zlib_gunzip(data);
    const std::string ours = inflate_all(data);
    if (oracle ? ours != *oracle : !ours.starts_with("error: "))
      FAIL("byte " << at << ": " << ours.substr(0, 80));
  }
}

TEST_CASE("zstd frames, skippable ones too, are one stream", "[image][decompress]") {
  const std::string skippable = std::string("\x53\x2a\x4d\x18\x03\0\0\0abc", 11);
  const std::string plain = sample(500000);
  const std::string data = skippable + zstd(plain) + skippable + zstd("tail");
  CHECK(inflate_all(data) == plain + "tail");
  CHECK(inflate_all(data, 1) == plain + "tail");
}

TEST_CASE("the frames that zstd:chunked puts behind its files are skipped, whatever their kind and size",
          "[image][decompress]") {
  const auto skippable = [](char kind, std::size_t size) {
    std::string frame{kind, '\x2a', '\x4d', '\x18'};
    for (int shift = 0; shift < 32; shift += 8) frame.push_back(static_cast<char>(size >> shift));
    return frame + std::string(size, '\x7f');
  };
  const std::string files = zstd("one") + zstd("") + zstd("two");
  std::string all = skippable('\x50', 0) + files;
  for (char kind = '\x50'; kind <= '\x5f'; ++kind) all += skippable(kind, kind == '\x5f' ? 300000 : 64);
  CHECK(inflate_all(all) == "onetwo");
  CHECK(inflate_all(all, 1) == "onetwo");
  for (const std::size_t cut : {1UL, 2UL, 5UL, 299999UL, 300004UL})
    CHECK(inflate_all(all.substr(0, all.size() - cut)).starts_with("error: zstd stream: "));
}

TEST_CASE("a zstd stream cut short, or with something behind it, is an error", "[image][decompress]") {
  const std::string data = zstd(sample(3000));
  for (std::size_t cut = 4; cut < data.size(); ++cut) {
    const std::string outcome = inflate_all(data.substr(0, cut));
    if (!outcome.starts_with("error: zstd stream: ")) FAIL("cut at " << cut << ": " << outcome.substr(0, 80));
  }
  CHECK(inflate_all(data + "garbage").starts_with("error: zstd stream: "));
}

TEST_CASE("a zstd window beyond 128 MiB is refused", "[image][decompress]") {
  // Frame header: magic, descriptor without single segment, window descriptor 2^31.
  const std::string data = std::string("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", 9);
  CHECK(inflate_all(data).starts_with("error: zstd stream: "));
}

TEST_CASE("the hash covers every byte, and too many are refused", "[image][decompress]") {
  MemorySource source("hello", 2);
  HashingSource hashed(source, 5);
  const auto digest = hashed.finish();
  REQUIRE(digest);
  CHECK(*digest == sha256("hello"));
  MemorySource again("hello!", 2);
  HashingSource limited(again, 5);
  const auto refused = limited.finish();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kResourceExhausted);
}

}  // namespace
}  // namespace berth::image
