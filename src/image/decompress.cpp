// SPDX-License-Identifier: Apache-2.0
#include "image/decompress.hpp"

#include <string>
#include <utility>

namespace berth::image {
namespace {

constexpr std::size_t kMagicSize = 4;

/// The bytes that were looked at, then the rest; owns what reads from it.
class Peeked final : public ByteSource {
 public:
  explicit Peeked(ByteSource& from) : from_(from) {}

  Result<std::string_view> magic() {
    while (head_.size() < kMagicSize) {
      ASSIGN_OR_RETURN(const std::span<const std::byte> piece, from_.next());
      if (piece.empty()) break;
      head_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    }
    return std::string_view(head_).substr(0, kMagicSize);
  }

  Result<std::span<const std::byte>> next() override {
    if (std::exchange(head_given_, true) || head_.empty()) return from_.next();
    return std::as_bytes(std::span(head_));
  }

 private:
  ByteSource& from_;
  std::string head_;
  bool head_given_ = false;
};

class Detected final : public ByteSource {
 public:
  Detected(std::unique_ptr<Peeked> raw, std::unique_ptr<ByteSource> inflated)
      : raw_(std::move(raw)), inflated_(std::move(inflated)) {}
  Result<std::span<const std::byte>> next() override { return inflated_ ? inflated_->next() : raw_->next(); }

 private:
  std::unique_ptr<Peeked> raw_;
  std::unique_ptr<ByteSource> inflated_;
};

bool is_zstd(std::string_view magic) {
  if (magic == "\x28\xb5\x2f\xfd") return true;
  const bool skippable = magic.size() == kMagicSize && magic.substr(1) == "\x2a\x4d\x18";
  return skippable && (static_cast<unsigned char>(magic[0]) & 0xf0) == 0x50;
}

}  // namespace

Result<std::unique_ptr<ByteSource>> decompress(ByteSource& from) {
  auto raw = std::make_unique<Peeked>(from);
  ASSIGN_OR_RETURN(const std::string_view magic, raw->magic());
  std::unique_ptr<ByteSource> inflated;
  if (magic.starts_with("\x1f\x8b")) inflated = gunzip(*raw);
  if (is_zstd(magic)) inflated = unzstd(*raw);
  return std::unique_ptr<ByteSource>(std::make_unique<Detected>(std::move(raw), std::move(inflated)));
}

}  // namespace berth::image
