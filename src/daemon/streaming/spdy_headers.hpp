// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace berth::daemon::streaming {

/// Names are lower case; a name with several values has them separated by NUL.
using SpdyHeaders = std::vector<std::pair<std::string, std::string>>;

/// The value of a header, or "".
std::string_view find_header(const SpdyHeaders& headers, std::string_view name);

/// Header blocks of one direction of a SPDY/3.1 connection: one zlib stream over all of them, that
/// begins with the protocol's dictionary (draft-mbelshe-httpbis-spdy-00, 2.6.10). What a block may
/// become is bounded, and a block that wants more ends the connection.
class SpdyInflater {
 public:
  static constexpr std::size_t kMaxBlock = 64 << 10;  ///< bytes of one block, inflated
  SpdyInflater();
  SpdyInflater(const SpdyInflater&) = delete;
  SpdyInflater& operator=(const SpdyInflater&) = delete;
  ~SpdyInflater();
  Result<SpdyHeaders> block(std::string_view compressed);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

class SpdyDeflater {
 public:
  SpdyDeflater();
  SpdyDeflater(const SpdyDeflater&) = delete;
  SpdyDeflater& operator=(const SpdyDeflater&) = delete;
  ~SpdyDeflater();
  std::string block(const SpdyHeaders& headers);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace berth::daemon::streaming
