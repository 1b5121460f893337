// SPDX-License-Identifier: Apache-2.0
#include "image/trust/public_key.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <limits>

#include "base/cat.hpp"

namespace berth::image {
namespace {

constexpr int kLeastRsaBits = 2048;
constexpr std::string_view kPemBegin = "-----BEGIN ";

struct FreeBio {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};

/// Empty when it may be used, else why not.
std::string key_problem(EVP_PKEY* key) {
  if (::EVP_PKEY_is_a(key, "ED25519") == 1) return {};
  if (::EVP_PKEY_is_a(key, "RSA") == 1) {
    const int bits = ::EVP_PKEY_get_bits(key);
    return bits >= kLeastRsaBits ? "" : cat("an RSA key of ", bits, " bits is too weak");
  }
  char group[64] = {};
  std::size_t length = 0;
  if (::EVP_PKEY_is_a(key, "EC") == 1 && ::EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1) {
    const std::string_view name(group, length);
    return name == "prime256v1" || name == "secp384r1" || name == "secp521r1"
               ? ""
               : cat("the curve ", name, " is not supported");
  }
  return "neither an ECDSA, an RSA nor an Ed25519 key";
}

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

void PublicKey::Free::operator()(evp_pkey_st* key) const {
  ::EVP_PKEY_free(key);
}

Result<PublicKey> PublicKey::parse(std::string_view pem, const std::string& subject) {
  const auto refused = [&](std::string_view why) {
    return Error(Code::kInvalidArgument, cat("public key ", subject, ": ", why));
  };
  const std::size_t first = pem.find(kPemBegin);
  if (first == std::string_view::npos ||
      pem.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return refused("not in PEM (\"-----BEGIN PUBLIC KEY-----\")");
  if (pem.find(kPemBegin, first + 1) != std::string_view::npos)
    return refused("more than one key: name each in a file of its own, with keyPaths");
  const std::unique_ptr<BIO, FreeBio> bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Handle key(bio ? ::PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  ::ERR_clear_error();
  if (!key) return refused("not a public key in PEM (\"-----BEGIN PUBLIC KEY-----\")");
  const std::string problem = key_problem(key.get());
  if (!problem.empty()) return refused(problem);
  return PublicKey(std::move(key));
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(::EVP_MD_CTX_new());
  const EVP_MD* hash = ::EVP_PKEY_is_a(key_.get(), "ED25519") == 1 ? nullptr : ::EVP_sha256();
  const bool good =
      context && ::EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key_.get()) == 1 &&
      ::EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(message), message.size()) ==
          1;
  ::ERR_clear_error();  // what a bad signature leaves there is not for others on this thread
  return good;
}

}  // namespace berth::image
