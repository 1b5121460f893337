// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/stop_signal.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <cstring>

#include "base/cat.hpp"

namespace berth::daemon {
namespace {

Error unknown(std::string_view text) { return Error(Code::kInvalidArgument, cat("\"", text, "\" is not a signal")); }

/// "+3" behind RTMIN, "-1" behind RTMAX; the CRI spells them PLUS and MINUS.
Result<int> real_time(std::string_view name, std::string_view text) {
  const bool from_min = name.starts_with("RTMIN");
  name.remove_prefix(5);
  int offset = 0;
  if (!name.empty()) {
    for (const std::string_view sign : {"PLUS", "MINUS", "+", "-"}) {
      if (name.starts_with(sign)) {
        name.remove_prefix(sign.size());
        break;
      }
    }
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), offset);
    if (error != std::errc{} || end != name.data() + name.size()) return unknown(text);
  }
  const int number = from_min ? SIGRTMIN + offset : SIGRTMAX - offset;
  if (offset < 0 || number < SIGRTMIN || number > SIGRTMAX) return unknown(text);
  return number;
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
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
  if (name == "POLL") return SIGIO;
  for (int number = 1; number < 32; ++number) {
    const char* abbreviation = ::sigabbrev_np(number);
    if (abbreviation != nullptr && name == abbreviation) return number;
  }
  return unknown(text);
}

int effective_stop_signal(const cri::ContainerConfig& config, const std::string& image_stop_signal) {
  if (config.stop_signal() != cri::SIGNAL_RUNTIME_DEFAULT) {
    const std::string name = cri::Signal_Name(config.stop_signal()).substr(sizeof("SIGNAL_") - 1);
    if (auto number = parse_signal(name)) return *number;
  }
  if (!image_stop_signal.empty()) {
    if (auto number = parse_signal(image_stop_signal)) return *number;
  }
  return SIGTERM;
}

cri::Signal to_cri_signal(int signal_number) {
  for (int value = cri::Signal_MIN; value <= cri::Signal_MAX; ++value) {
    if (!cri::Signal_IsValid(value) || value == cri::SIGNAL_RUNTIME_DEFAULT) continue;
    auto number = parse_signal(cri::Signal_Name(static_cast<cri::Signal>(value)).substr(sizeof("SIGNAL_") - 1));
    if (number && *number == signal_number) return static_cast<cri::Signal>(value);
  }
  return cri::SIGNAL_RUNTIME_DEFAULT;
}

}  // namespace berth::daemon
