// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/config.hpp"

namespace berth::ctl {

/// More than any file of /proc or /sys that is read here has.
inline constexpr std::size_t kMaxProc = 1 << 20;

enum class Verdict : std::uint8_t { kGood, kBad, kWarning };

/// One requirement of `berthctl check`.
struct Finding {
  Verdict verdict;
  std::string what;    ///< what was found, or is missing
  std::string remedy;  ///< empty when good
};

// The probes. They change nothing, need no rights (what they then cannot see is a warning), never fail.

/// System calls, namespaces, overlay, seccomp.
std::vector<Finding> probe_kernel();
/// Root, cgroups, security modules, directories, berthd's helper programs.
std::vector<Finding> probe_host(const daemon::Config& config);
/// CNI configuration and plugins, forwarding, iptables.
std::vector<Finding> probe_network(const daemon::Config& config);

}  // namespace berth::ctl
