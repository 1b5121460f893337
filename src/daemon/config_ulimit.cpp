// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_ulimit.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/cat.hpp"

namespace berth::daemon {
namespace {

constexpr std::string_view kNames[] = {"as",      "core",     "cpu",        "data",   "fsize", "locks",
                                       "memlock", "msgqueue", "nice",       "nofile", "nproc", "rss",
                                       "rtprio",  "rttime",   "sigpending", "stack"};

std::optional<std::uint64_t> parse_limit(std::string_view text) {
  if (text == "-1" || text == "unlimited") return std::numeric_limits<std::uint64_t>::max();
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Result<Ulimit> parse_ulimit(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return Error(Code::kInvalidArgument, cat("ulimit \"", text, "\" ", why));
  };
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return refuse("is not name=soft:hard");
  const std::string_view name = text.substr(0, equals);
  if (std::ranges::find(kNames, name) == std::end(kNames))
    return refuse("names a limit that the kernel does not know");
  const std::string_view values = text.substr(equals + 1);
  const std::size_t colon = values.find(':');
  const auto soft = parse_limit(values.substr(0, colon));
  const auto hard = colon == std::string_view::npos ? soft : parse_limit(values.substr(colon + 1));
  if (!soft || !hard) return refuse("has a limit that is neither a number nor \"unlimited\"");
  if (*soft > *hard) return refuse("has a soft limit above its hard limit");
  Ulimit limit{"RLIMIT_", *soft, *hard};
  for (const char c : name) limit.type += static_cast<char>(c - 'a' + 'A');
  return limit;
}

}  // namespace berth::daemon
