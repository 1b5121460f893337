// SPDX-License-Identifier: Apache-2.0
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <string_view>

#include "base/cat.hpp"
#include "image/decompress.hpp"

namespace berth::image {
namespace {

std::string_view explain(int code) {
  switch (code) {
    case ISAL_INVALID_BLOCK:
    case ISAL_INVALID_SYMBOL:
    case ISAL_INVALID_LOOKBACK:
      return "the compressed data is damaged";
    case ISAL_INVALID_WRAPPER:
      return "what follows is not a gzip header";
    case ISAL_UNSUPPORTED_METHOD:
      return "the compression method is not deflate";
    case ISAL_INCORRECT_CHECKSUM:
      return "the checksum does not match";
    default:
      return "the decoder refuses it";
  }
}

Error damaged(std::string_view why) {
  return {Code::kFailedPrecondition, cat("gzip stream: ", why)};
}

class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(ByteSource& from) : from_(from), buffer_(kStreamBuffer) { begin_member(); }

  Result<std::span<const std::byte>> next() override {
    state_.next_out = reinterpret_cast<std::uint8_t*>(buffer_.data());
    state_.avail_out = static_cast<std::uint32_t>(buffer_.size());
    while (state_.avail_out != 0 && !ended_) RETURN_IF_ERROR(step());
    return std::span<const std::byte>(buffer_).first(buffer_.size() - state_.avail_out);
  }

 private:
  void begin_member() {
    const auto next_in = state_.next_in;
    const auto avail_in = state_.avail_in;
    const auto next_out = state_.next_out;
    const auto avail_out = state_.avail_out;
    isal_inflate_init(&state_);
    isal_gzip_header_init(&header_);
    // Not ISAL_GZIP: with that the library forgets where it was when a header arrives in pieces.
    state_.crc_flag = ISAL_GZIP_NO_HDR_VER;
    state_.next_in = next_in;
    state_.avail_in = avail_in;
    state_.next_out = next_out;
    state_.avail_out = avail_out;
    in_member_ = in_body_ = false;
  }

  Result<void> step() {
    if (state_.avail_in == 0 && !source_ended_) RETURN_IF_ERROR(refill());
    if (!in_member_) {
      skip_padding();
      if (state_.avail_in == 0) {
        ended_ = source_ended_;
        return {};
      }
      if (padded_) return damaged("there is something behind its end");
      in_member_ = true;
    }
    return inflate();
  }

  Result<void> inflate() {
    const auto in = state_.avail_in;
    const auto out = state_.avail_out;
    const int code = in_body_ ? isal_inflate(&state_) : isal_read_gzip_header(&state_, &header_);
    if (code < 0) return damaged(explain(code));
    if (!in_body_ && code == ISAL_DECOMP_OK) {
      in_body_ = true;
      return {};
    }
    if (in_body_ && state_.block_state == ISAL_BLOCK_FINISH) {
      first_ = false;
      begin_member();
      return {};
    }
    // The decoder answers "fine" when it makes no progress, too.
    if (in != state_.avail_in || out != state_.avail_out) return {};
    if (state_.avail_in != 0) return damaged("the decoder is stuck");
    if (source_ended_) return damaged("it ends early");
    return {};
  }

  // Zeros between or behind members are tape padding.
  void skip_padding() {
    if (first_) return;
    while (state_.avail_in != 0 && *state_.next_in == 0) {
      ++state_.next_in;
      --state_.avail_in;
      padded_ = true;
    }
  }

  Result<void> refill() {
    if (piece_.empty()) {
      ASSIGN_OR_RETURN(piece_, from_.next());
      source_ended_ = piece_.empty();
    }
    const auto now = piece_.first(std::min<std::size_t>(piece_.size(), UINT32_MAX));
    piece_ = piece_.subspan(now.size());
    state_.next_in = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(now.data()));
    state_.avail_in = static_cast<std::uint32_t>(now.size());
    return {};
  }

  ByteSource& from_;
  std::vector<std::byte> buffer_;
  std::span<const std::byte> piece_;
  inflate_state state_{};
  isal_gzip_header header_{};
  bool first_ = true;
  bool in_member_ = false;
  bool in_body_ = false;
  bool padded_ = false;
  bool source_ended_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> gunzip(ByteSource& from) {
  return std::make_unique<GzipSource>(from);
}

}  // namespace berth::image
