// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/rlimits.hpp"

#include <sys/resource.h>

namespace berth::oci {
namespace {

struct Limit {
  std::string_view name;
  int number;
};
constexpr Limit kLimits[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

}  // namespace

std::optional<int> rlimit_number(std::string_view type) {
  for (const Limit& limit : kLimits) {
    if (limit.name == type) return limit.number;
  }
  return std::nullopt;
}

std::string_view rlimit_name(int number) {
  for (const Limit& limit : kLimits) {
    if (limit.number == number) return limit.name;
  }
  return {};
}

}  // namespace berth::oci
