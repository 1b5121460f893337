// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/spdy_headers.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>

#include "daemon/streaming/big_endian.hpp"

namespace berth::daemon::streaming {
namespace {

// The dictionary: names, each after its length in 32 bits, and then values one after the other.
constexpr std::string_view kNames =
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges "
    "age allow authorization cache-control connection content-base content-encoding content-language "
    "content-length content-location content-md5 content-range content-type date etag expect expires from "
    "host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location "
    "max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer "
    "transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK version "
    "HTTP/1.1 url public set-cookie keep-alive origin";
constexpr std::string_view kValues =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

const std::string& dictionary() {
  static const std::string built = [] {
    std::string text;
    std::string_view rest = kNames;
    while (!rest.empty()) {
      std::string name(rest.substr(0, rest.find(' ')));
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
      std::replace(name.begin(), name.end(), '_', ' ');
      put32(text, name.size());
      text += name;
    }
    return text.append(kValues);
  }();
  return built;
}

// zlib's interface predates const.
Bytef* bytes(const char* data) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(data));  // NOLINT
}

const Bytef* dictionary_bytes() {
  return bytes(dictionary().data());
}

uInt dictionary_size() {
  return static_cast<uInt>(dictionary().size());
}

Error bad_block(const char* why) {
  return {Code::kInvalidArgument, std::string("SPDY header block: ") + why};
}

bool take_text(std::string_view& block, std::string& text) {
  if (block.size() < 4) return false;
  const std::size_t size = get32(block.data());
  if (size > block.size() - 4) return false;
  text.assign(block.substr(4, size));
  block.remove_prefix(4 + size);
  return true;
}

Result<SpdyHeaders> parse_block(std::string_view block) {
  constexpr std::size_t kMaxHeaders = 128;
  if (block.size() < 4) return bad_block("it has no count");
  const std::size_t count = get32(block.data());
  if (count > kMaxHeaders) return bad_block("too many headers");
  block.remove_prefix(4);
  SpdyHeaders headers(count);
  for (auto& [name, value] : headers) {
    if (!take_text(block, name) || !take_text(block, value)) return bad_block("it ends early");
    if (name.empty()) return bad_block("a header has no name");
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  }
  if (!block.empty()) return bad_block("bytes follow the last header");
  return headers;
}

}  // namespace

std::string_view find_header(const SpdyHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

struct SpdyInflater::Stream {
  z_stream z{};
};

SpdyInflater::SpdyInflater() : stream_(std::make_unique<Stream>()) {
  if (::inflateInit(&stream_->z) != Z_OK) std::abort();
}

SpdyInflater::~SpdyInflater() {
  ::inflateEnd(&stream_->z);
}

Result<SpdyHeaders> SpdyInflater::block(std::string_view compressed) {
  z_stream& z = stream_->z;
  std::string out(kMaxBlock, '\0');
  z.next_in = bytes(compressed.data());
  z.avail_in = static_cast<uInt>(compressed.size());
  z.next_out = bytes(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  while (z.avail_in > 0) {
    int done = ::inflate(&z, Z_SYNC_FLUSH);
    if (done == Z_NEED_DICT) done = ::inflateSetDictionary(&z, dictionary_bytes(), dictionary_size());
    if (done != Z_OK) return bad_block("it is not compressed as the protocol says");
    if (z.avail_out == 0) return bad_block("it is too large");
  }
  return parse_block(std::string_view(out).substr(0, out.size() - z.avail_out));
}

struct SpdyDeflater::Stream {
  z_stream z{};
};

SpdyDeflater::SpdyDeflater() : stream_(std::make_unique<Stream>()) {
  constexpr int kSmallWindow = 11;  // our blocks are a few bytes: no need for a window of 32 KiB
  if (::deflateInit2(&stream_->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kSmallWindow, 1, Z_DEFAULT_STRATEGY) !=
          Z_OK ||
      ::deflateSetDictionary(&stream_->z, dictionary_bytes(), dictionary_size()) != Z_OK) {
    std::abort();
  }
}

SpdyDeflater::~SpdyDeflater() {
  ::deflateEnd(&stream_->z);
}

std::string SpdyDeflater::block(const SpdyHeaders& headers) {
  std::string plain;
  put32(plain, headers.size());
  for (const auto& [name, value] : headers) {
    put32(plain, name.size());
    plain += name;
    put32(plain, value.size());
    plain += value;
  }
  z_stream& z = stream_->z;
  constexpr std::size_t kFlushed = 16;  // of a sync flush, beyond the bound
  std::string out(::deflateBound(&z, plain.size()) + kFlushed, '\0');
  z.next_in = bytes(plain.data());
  z.avail_in = static_cast<uInt>(plain.size());
  z.next_out = bytes(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  if (::deflate(&z, Z_SYNC_FLUSH) != Z_OK) std::abort();  // the buffer is large enough for anything
  out.resize(out.size() - z.avail_out);
  return out;
}

}  // namespace berth::daemon::streaming
