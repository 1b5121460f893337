// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/digest.hpp"

namespace berth::image {

/// Of a payload, and of a whole OpenPGP message.
inline constexpr std::size_t kMaxSignature = 64U << 10;

enum class SignatureKind : std::uint8_t {
  kSigstore = 0,  ///< as cosign makes them: a payload, and a signature over its bytes
  kSimple = 1,    ///< an OpenPGP message that contains its payload
  kImport = 2,    ///< none: who may write the archive that it came from vouches for it
};

/// What somebody said about a manifest or index, not checked yet. Numbers of kinds are in the store.
struct Signature {
  SignatureKind kind = SignatureKind::kSigstore;
  Digest digest;          ///< of the manifest or index that it was found with
  std::string payload;    ///< kSigstore: JSON; kImport: "TRANSPORT:PATH"
  std::string signature;  ///< raw bytes; empty for kImport
  friend bool operator==(const Signature&, const Signature&) = default;
};

}  // namespace berth::image
