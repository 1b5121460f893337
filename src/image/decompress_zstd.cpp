// SPDX-License-Identifier: Apache-2.0
#include <zstd.h>

#include <string_view>

#include "base/cat.hpp"
#include "image/decompress.hpp"

namespace berth::image {
namespace {

constexpr int kMaxWindowLog = 27;  // 128 MiB, what the zstd tool accepts without being asked

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class ZstdSource final : public ByteSource {
 public:
  explicit ZstdSource(ByteSource& from) : from_(from), buffer_(kStreamBuffer), context_(ZSTD_createDCtx()) {
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  }

  Result<std::span<const std::byte>> next() override {
    ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
    while (out.pos < out.size && !ended_) RETURN_IF_ERROR(step(out));
    return std::span<const std::byte>(buffer_).first(out.pos);
  }

 private:
  Result<void> step(ZSTD_outBuffer& out) {
    if (in_.pos == in_.size && !source_ended_) {
      ASSIGN_OR_RETURN(const std::span<const std::byte> piece, from_.next());
      source_ended_ = piece.empty();
      in_ = {piece.data(), piece.size(), 0};
    }
    const bool dry = in_.pos == in_.size;
    if (dry && at_boundary_) {
      ended_ = true;
      return {};
    }
    const std::size_t before = out.pos;
    const std::size_t hint = ZSTD_decompressStream(context_.get(), &out, &in_);
    if (ZSTD_isError(hint) != 0) {
      return Error(Code::kFailedPrecondition,
                   cat("zstd stream: ", std::string_view(ZSTD_getErrorName(hint))));
    }
    at_boundary_ = hint == 0;
    if (dry && !at_boundary_ && out.pos == before)
      return Error(Code::kFailedPrecondition, "zstd stream: it ends early");
    return {};
  }

  ByteSource& from_;
  std::vector<std::byte> buffer_;
  std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool at_boundary_ = true;  // between frames, with everything flushed
  bool source_ended_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> unzstd(ByteSource& from) {
  return std::make_unique<ZstdSource>(from);
}

}  // namespace berth::image
