// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/stop_signal.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>

#include "base/cat.hpp"

namespace berth::daemon {
namespace {

Error unknown(std::string_view text) {
  return Error(Code::kInvalidArgument, cat("\"", text, "\" is not a signal"));
}

/// "+3" behind RTMIN, "-1" behind RTMAX; the CRI spells them PLUS and MINUS. The other way around
/// would leave the range, so that "RTMIN-3" is no signal.
Result<int> real_time(std::string_view name, std::string_view text) {
  const bool from_min = name.starts_with("RTMIN");
  name.remove_prefix(5);
  int offset = 0;
  if (!name.empty()) {
    const std::string_view sign = from_min ? "+" : "-";
    const std::string_view word = from_min ? "PLUS" : "MINUS";
    if (!name.starts_with(sign) && !name.starts_with(word)) return unknown(text);
    name.remove_prefix(name.starts_with(sign) ? sign.size() : word.size());
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), offset);
    if (error != std::errc{} || end != name.data() + name.size()) return unknown(text);
  }
  if (offset < 0 || offset > SIGRTMAX - SIGRTMIN) return unknown(text);
  return from_min ? SIGRTMIN + offset : SIGRTMAX - offset;
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string_view name = upper;
  if (!name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos) {
    int number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number < 1 || number > SIGRTMAX) return unknown(text);
    return number;
  }
  if (name.starts_with("SIG")) name.remove_prefix(3);
  if (name.starts_with("RTMIN") || name.starts_with("RTMAX")) return real_time(name, text);
  if (name == "CLD") return SIGCHLD;
  if (name == "IOT") return SIGABRT;
  if (name == "IO" || name == "POLL") return SIGIO;  // glibc knows but one of them
  for (int number = 1; number < 32; ++number) {
    const char* abbreviation = ::sigabbrev_np(number);
    if (abbreviation != nullptr && name == abbreviation) return number;
  }
  return unknown(text);
}

/// A CRI signal's number; nullopt for "the default" and for numbers that this version's enum lacks.
static std::optional<int> number_of(cri::Signal value) {
  if (!cri::Signal_IsValid(value) || value == cri::SIGNAL_RUNTIME_DEFAULT) return std::nullopt;
  auto number = parse_signal(cri::Signal_Name(value).substr(sizeof("SIGNAL_") - 1));
  return number ? std::optional(*number) : std::nullopt;
}

int effective_stop_signal(const cri::ContainerConfig& config, const std::string& image_stop_signal) {
  if (const auto number = number_of(config.stop_signal())) return *number;
  if (!image_stop_signal.empty()) {
    if (auto number = parse_signal(image_stop_signal)) return *number;
  }
  return SIGTERM;
}

cri::Signal to_cri_signal(int signal_number) {
  for (int value = cri::Signal_MIN; value <= cri::Signal_MAX; ++value) {
    if (number_of(static_cast<cri::Signal>(value)) == signal_number) return static_cast<cri::Signal>(value);
  }
  return cri::SIGNAL_RUNTIME_DEFAULT;
}

}  // namespace berth::daemon
