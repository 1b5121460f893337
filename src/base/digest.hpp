// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth {

/// A content digest as in the OCI image-spec: "sha256:<64 hex>" or "sha512:<128 hex>". A value of
/// this type is always well-formed, so its hex part is safe as a file name.
class Digest {
 public:
  static Result<Digest> parse(std::string_view text);
  const std::string& text() const { return text_; }
  std::string_view algorithm() const { return std::string_view(text_).substr(0, colon_); }
  std::string_view hex() const { return std::string_view(text_).substr(colon_ + 1); }
  friend bool operator==(const Digest&, const Digest&) = default;
  friend auto operator<=>(const Digest& a, const Digest& b) { return a.text_ <=> b.text_; }

 private:
  friend class Hasher;
  explicit Digest(std::string text) : text_(std::move(text)), colon_(text_.find(':')) {}
  std::string text_;
  std::size_t colon_;
};

/// Streaming hash (OpenSSL EVP). finish() may be called once.
class Hasher {
 public:
  explicit Hasher(std::string_view algorithm = "sha256");  ///< "sha256" or "sha512"
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();
  void update(std::span<const std::byte> data);
  void update(std::string_view data);
  Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// "sha256:..." of a buffer.
Digest sha256(std::string_view data);
/// 64 lower-case hex digits from the kernel's random generator: a new pod or container ID.
std::string random_id();

}  // namespace berth
