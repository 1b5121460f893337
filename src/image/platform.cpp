// SPDX-License-Identifier: Apache-2.0
#include "image/platform.hpp"

#include <sys/utsname.h>

#include <string_view>
#include <utility>

namespace berth::image {
namespace {

#if defined(__x86_64__)
std::string amd64_level() {
  __builtin_cpu_init();
  const bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
  const bool v3 =
      v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return v4 ? "v4" : v3 ? "v3" : v2 ? "v2" : "v1";
}
#else
std::string amd64_level() {
  return "v1";
}
#endif

Platform detect() {
  utsname name{};
  ::uname(&name);
  const std::string_view machine = name.machine;
  if (machine == "x86_64") return {"linux", "amd64", amd64_level()};
  if (machine == "aarch64") return {"linux", "arm64", "v8"};
  if (machine.starts_with("armv")) return {"linux", "arm", std::string("v") + machine[4]};
  if (machine.size() == 4 && machine.ends_with("86")) return {"linux", "386", ""};
  if (machine == "loongarch64") return {"linux", "loong64", ""};
  return {"linux", std::string(machine), ""};
}

// Variants that a host runs, best first; "" stands for the architecture's baseline.
std::vector<std::string> runnable_variants(const Platform& host) {
  const bool numbered =
      host.variant.size() == 2 && host.variant[0] == 'v' && host.variant[1] >= '0' && host.variant[1] <= '9';
  if (!numbered)
    return host.variant.empty() ? std::vector<std::string>{""} : std::vector<std::string>{host.variant, ""};
  const char lowest = host.architecture == "arm" ? '5' : host.architecture == "arm64" ? '8' : '1';
  std::vector<std::string> variants;
  for (char level = host.variant[1]; level >= lowest; --level) variants.push_back(std::string("v") + level);
  variants.emplace_back();
  return variants;
}

// The baseline may be written out or left out: it is the same machine.
std::string canonical_variant(const Platform& platform) {
  const std::string_view baseline = platform.architecture == "arm64"   ? "v8"
                                    : platform.architecture == "amd64" ? "v1"
                                                                       : "";
  return platform.variant == baseline ? std::string() : platform.variant;
}

}  // namespace

const Platform& host_platform() {
  static const Platform platform = detect();
  return platform;
}

std::optional<std::size_t> choose_platform(const std::vector<std::optional<Platform>>& entries,
                                           const Platform& host) {
  for (const std::string& variant : runnable_variants(host)) {
    const std::string wanted = canonical_variant({host.os, host.architecture, variant});
    for (std::size_t at = 0; at < entries.size(); ++at) {
      const auto& entry = entries[at];
      if (!entry || entry->os != host.os || entry->architecture != host.architecture) continue;
      if (canonical_variant(*entry) == wanted) return at;
    }
  }
  return std::nullopt;
}

}  // namespace berth::image
