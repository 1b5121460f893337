// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "base/result.hpp"
#include "image/trust/signature.hpp"

namespace berth::image {

/// What a signature says (containers-signature(5), "simple signing"; cosign's payload).
struct SignedClaim {
  Digest digest;     ///< of the manifest or index
  std::string name;  ///< which image that is, as the signer called it
};

/// Strict: no other keys than those of the format, none twice, the type of this kind. Only to be asked when
/// the signature over `text` was found good.
Result<SignedClaim> parse_signed_claim(SignatureKind kind, std::string_view text);

}  // namespace berth::image
