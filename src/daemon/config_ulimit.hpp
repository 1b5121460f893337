// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::daemon {

/// One entry of runtime.default_ulimits. `type` is OCI's name ("RLIMIT_NOFILE"); the greatest value of
/// the type means unlimited, as for the kernel.
struct Ulimit {
  std::string type;
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

/// "nofile=1024:4096", "core=0", "memlock=-1" or "memlock=unlimited"; kInvalidArgument otherwise.
Result<Ulimit> parse_ulimit(std::string_view text);

}  // namespace berth::daemon
