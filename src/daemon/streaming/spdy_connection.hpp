// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "daemon/streaming/out_queue.hpp"
#include "daemon/streaming/spdy_frame.hpp"

namespace berth::daemon::streaming {

/// The server's side of one SPDY/3.1 connection: which streams are open, and in which direction. It
/// opens none itself. Windows are kept account of, and one that overflows ends the connection, but
/// nothing is held back for them: the public clients of these protocols never enlarge theirs, and
/// would wait for ever behind the first 64 KiB. What holds senders back is TCP.
class SpdyConnection : private SpdyDecoder::Events {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    /// A stream that the client opens; a reason refuses it.
    virtual std::optional<SpdyReset> opened(std::uint32_t stream, const SpdyHeaders& headers) = 0;
    virtual void data(std::uint32_t stream, std::string_view bytes) = 0;
    /// The client sends no more on it.
    virtual void ended(std::uint32_t stream) = 0;
    /// The client wants no more of it.
    virtual void was_reset(std::uint32_t stream) = 0;
  };
  static constexpr std::size_t kMaxStreams = 1024;  ///< open at a time

  SpdyConnection(Handler& handler, OutQueue& out) : handler_(handler), out_(out) {}

  Result<void> feed(std::string_view bytes);
  /// These do nothing on a stream that is closed in our direction.
  void send(std::uint32_t stream, std::string_view bytes);
  void end(std::uint32_t stream);
  void reset(std::uint32_t stream, SpdyReset why);
  void say_goodbye();

 private:
  struct Stream {
    bool ended_by_client = false;
    bool ended_by_us = false;
    std::int64_t window = kWindow;
  };
  static constexpr std::int64_t kWindow = 64 << 10;

  Result<void> syn_stream(std::uint32_t stream, bool fin, const SpdyHeaders& headers) override;
  Result<void> data(std::uint32_t stream, std::string_view bytes, bool fin) override;
  Result<void> headers(std::uint32_t stream, bool fin) override;
  Result<void> rst_stream(std::uint32_t stream, std::uint32_t status) override;
  Result<void> ping(std::uint32_t id) override;
  Result<void> go_away() override;
  Result<void> window_update(std::uint32_t stream, std::uint32_t delta) override;
  void end_of_client(std::uint32_t stream);

  Handler& handler_;
  OutQueue& out_;
  SpdyDecoder decoder_;
  SpdyEncoder encoder_;
  std::map<std::uint32_t, Stream> streams_;
  std::uint32_t last_stream_ = 0;
  std::int64_t window_ = kWindow;
};

}  // namespace berth::daemon::streaming
