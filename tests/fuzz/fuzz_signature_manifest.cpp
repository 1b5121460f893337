// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/trust/signature.hpp"
#include "image/trust/signature_manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto signatures = berth::image::parse_signature_manifest(text)) {
    if (signatures->size() > berth::image::kMaxSignatures) std::abort();
    for (const auto& each : *signatures) {
      if (each.payload.size > berth::image::kMaxSignature) std::abort();
    }
  }
  const auto referrers = berth::image::parse_referrers(text);
  if (referrers && referrers->signatures.size() > berth::image::kMaxSignatures) std::abort();
  return 0;
}
