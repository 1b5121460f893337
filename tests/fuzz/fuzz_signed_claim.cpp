// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/trust/gpgv.hpp"
#include "image/trust/payload.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto sigstore = berth::image::parse_signed_claim(berth::image::SignatureKind::kSigstore, text);
  const auto simple = berth::image::parse_signed_claim(berth::image::SignatureKind::kSimple, text);
  if (sigstore && simple) std::abort();  // nobody may take one for the other
  (void)berth::image::dearmor_keys(text, "input");
  (void)berth::image::is_one_good_signature(text);
  return 0;
}
