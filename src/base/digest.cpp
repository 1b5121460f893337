// SPDX-License-Identifier: Apache-2.0
#include "base/digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/cat.hpp"

namespace berth {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string to_hex(std::span<const unsigned char> bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) hex.append({kHexDigits[byte >> 4], kHexDigits[byte & 15]});
  return hex;
}

// Fetched once, because an implicit fetch per hash takes a global lock in OpenSSL 3.
const EVP_MD* method(bool wide) {
  static const EVP_MD* const sha256_method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static const EVP_MD* const sha512_method = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  return wide ? sha512_method : sha256_method;
}

// A hash that cannot be computed must never pass for one that was.
void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const std::size_t length = name == "sha256" ? 64 : name == "sha512" ? 128 : 0;
  const bool well_formed = colon != std::string_view::npos && length != 0 &&
                           text.size() == colon + 1 + length &&
                           text.find_first_not_of(kHexDigits, colon + 1) == std::string_view::npos;
  if (well_formed) return Digest(std::string(text));
  return Error(Code::kInvalidArgument, cat("not a sha256 or sha512 digest: \"", text.substr(0, 160), "\""));
}

struct Hasher::Context {
  explicit Context(bool is_wide) : wide(is_wide) {
    require(evp != nullptr && EVP_DigestInit_ex2(evp, method(wide), nullptr) == 1);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(evp); }

  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  bool wide;
};

Hasher::Hasher(std::string_view algorithm) : context_(std::make_unique<Context>(algorithm == "sha512")) {}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::span<const std::byte> data) {
  require(EVP_DigestUpdate(context_->evp, data.data(), data.size()) == 1);
}

void Hasher::update(std::string_view data) {
  update(std::as_bytes(std::span(data)));
}

Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned length = 0;
  require(EVP_DigestFinal_ex(context_->evp, value.data(), &length) == 1);
  return Digest(cat(context_->wide ? "sha512:" : "sha256:", to_hex(std::span(value).first(length))));
}

Digest sha256(std::string_view data) {
  Hasher hasher;
  hasher.update(data);
  return hasher.finish();
}

}  // namespace berth
