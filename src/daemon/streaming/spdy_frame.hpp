// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "daemon/streaming/spdy_headers.hpp"

namespace berth::daemon::streaming {

/// SPDY/3.1 framing (draft-mbelshe-httpbis-spdy-00 with session windows). Pure: bytes in, events
/// out, and the other way round. It knows nothing of which streams there are.

/// RST_STREAM's reasons.
enum class SpdyReset : std::uint32_t {
  kProtocolError = 1,
  kInvalidStream = 2,
  kRefusedStream = 3,
  kCancel = 5,
  kFlowControlError = 7,
  kStreamAlreadyClosed = 9,
};

class SpdyDecoder {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual Result<void> syn_stream(std::uint32_t stream, bool fin, const SpdyHeaders& headers) = 0;
    /// A part of a frame's payload as it comes in; `fin` with the last part of the stream's last frame.
    virtual Result<void> data(std::uint32_t stream, std::string_view bytes, bool fin) = 0;
    virtual Result<void> headers(std::uint32_t stream, bool fin) = 0;
    virtual Result<void> rst_stream(std::uint32_t stream, std::uint32_t status) = 0;
    virtual Result<void> ping(std::uint32_t id) = 0;
    virtual Result<void> go_away() = 0;
    /// Stream 0 is the session.
    virtual Result<void> window_update(std::uint32_t stream, std::uint32_t delta) = 0;
  };
  static constexpr std::size_t kMaxControl = 64 << 10;  ///< bytes of a control frame's payload

  /// Any piece of what the client sends. An error is the end of the connection.
  Result<void> feed(std::string_view bytes, Events& events);

 private:
  Result<void> begin_frame(Events& events);
  Result<void> control_frame(Events& events);
  Result<void> stream_frame(std::uint16_t type, Events& events);
  Result<void> session_frame(std::uint16_t type, Events& events);

  SpdyInflater inflater_;
  std::string header_;    // of the frame being read: 8 bytes
  std::string control_;   // payload of a control frame, until it is whole
  std::size_t left_ = 0;  // of the payload
  bool in_payload_ = false;
};

class SpdyEncoder {
 public:
  std::string syn_reply(std::uint32_t stream, const SpdyHeaders& headers = {});
  /// What goes before `size` bytes of a stream; at most 2^24 - 1.
  static std::string data_header(std::uint32_t stream, std::size_t size, bool fin = false);
  static std::string rst_stream(std::uint32_t stream, SpdyReset status);
  static std::string ping(std::uint32_t id);
  static std::string go_away(std::uint32_t last_good_stream, std::uint32_t status);

 private:
  SpdyDeflater deflater_;
};

}  // namespace berth::daemon::streaming
