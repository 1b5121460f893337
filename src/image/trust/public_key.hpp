// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct evp_pkey_st;

namespace berth::image {

/// A key that signs images as cosign does, over SHA-256: ECDSA on P-256, P-384 and P-521 (DER), RSA of 2048
/// bits and more (PKCS #1 v1.5), and Ed25519 (over the payload itself).
class PublicKey {
 public:
  /// PEM with exactly one "PUBLIC KEY". kInvalidArgument names `subject`.
  static Result<PublicKey> parse(std::string_view pem, const std::string& subject);

  bool verifies(std::string_view message, std::string_view signature) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  using Handle = std::unique_ptr<evp_pkey_st, Free>;
  explicit PublicKey(Handle key) : key_(std::move(key)) {}
  Handle key_;
};

}  // namespace berth::image
