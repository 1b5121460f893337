// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "image/manifest.hpp"

namespace berth::image {

inline constexpr std::size_t kMaxSignatures = 128;  // of one image in one place

/// One layer of a manifest of signatures: where the payload is, and the signature over it.
struct AttachedSignature {
  Descriptor payload;
  std::string signature;  ///< raw bytes
};

/// The signatures in an OCI manifest as cosign attaches it; other layers are left out. At most
/// kMaxSignatures, payloads of at most kMaxSignature bytes, or kInvalidArgument.
Result<std::vector<AttachedSignature>> parse_signature_manifest(std::string_view bytes);

/// What a registry's list of referrers (an OCI index) has of such manifests, and how many of the newer
/// bundles, which are not read here.
struct Referrers {
  std::vector<Descriptor> signatures;
  std::size_t bundles = 0;
};
Result<Referrers> parse_referrers(std::string_view bytes);

}  // namespace berth::image
