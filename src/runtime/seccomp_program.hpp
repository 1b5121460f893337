// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime {

/// A compiled filter, ready for seccomp(2).
struct SeccompProgram {
  std::vector<sock_filter> instructions;
  std::uint64_t flags = 0;  ///< SECCOMP_FILTER_FLAG_*
  std::string digest;       ///< sha256 of the instructions, for dumps
};

/// The profile that CRI's RuntimeDefault names: everything an ordinary program needs, with the
/// calls that a capability unlocks added for those in `capabilities` ("CAP_SYS_ADMIN").
oci::Seccomp default_seccomp_profile(const std::vector<std::string>& capabilities);

/// A Localhost profile: the runtime-spec's seccomp object, in the JSON form that Docker, containerd
/// and CRI-O read (also its "includes"/"excludes" by capability and arch, "archMap").
Result<oci::Seccomp> parse_seccomp_profile(std::string_view text,
                                           const std::vector<std::string>& capabilities);

/// One profile, once: without a cache, and without a digest. Up to 17 ms.
Result<SeccompProgram> compile_seccomp(const oci::Seccomp& profile);

/// Compiles through libseccomp (tree-optimised), adds the ENOSYS stub for system calls newer than
/// any that the profile names, and caches by the profile's hash: a hit costs microseconds, a miss
/// up to 17 ms. Thread-safe.
class SeccompCompiler {
 public:
  SeccompCompiler();
  ~SeccompCompiler();
  SeccompCompiler(const SeccompCompiler&) = delete;
  SeccompCompiler& operator=(const SeccompCompiler&) = delete;
  Result<std::shared_ptr<const SeccompProgram>> compile(const oci::Seccomp& profile);

 private:
  struct Cache;
  std::unique_ptr<Cache> cache_;
};

}  // namespace berth::runtime
