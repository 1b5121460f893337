// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/trust/identity.hpp"
#include "image/trust/policy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto policy = berth::image::parse_policy({reinterpret_cast<const char*>(data), size}, "input");
  if (!policy) return 0;
  for (const char* name : {"busybox", "a.io/b/c:1", "x.a.io:5000/b"}) {
    const auto reference = *berth::image::parse_reference(name);
    const auto ruling = policy->rule(reference);
    // Without requirements everything would be allowed.
    if (ruling.requirements == nullptr || ruling.requirements->empty()) std::abort();
    for (const auto& requirement : *ruling.requirements) {
      const bool needs_keys = requirement.kind == berth::image::Requirement::Kind::kSigstoreSigned ||
                              requirement.kind == berth::image::Requirement::Kind::kSignedBy;
      if (needs_keys == requirement.keys.empty()) std::abort();
      (void)berth::image::matches_identity(requirement.identity, reference, "a.io/b/c:1");
    }
  }
  return 0;
}
