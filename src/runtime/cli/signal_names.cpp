// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/signal_names.hpp"

#include <charconv>
#include <csignal>
#include <optional>
#include <string>

#include "base/cat.hpp"

namespace berth::runtime::cli {
namespace {

struct SignalName {
  std::string_view name;
  int number;
};
constexpr SignalName kSignals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},       {"QUIT", SIGQUIT},     {"ILL", SIGILL},   {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT}, {"IOT", SIGIOT},       {"BUS", SIGBUS},       {"FPE", SIGFPE},   {"KILL", SIGKILL},
    {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},     {"USR2", SIGUSR2},     {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},
    {"TERM", SIGTERM}, {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD},     {"CLD", SIGCHLD},  {"CONT", SIGCONT},
    {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},
    {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},     {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH},
    {"IO", SIGIO},     {"POLL", SIGPOLL},     {"PWR", SIGPWR},       {"SYS", SIGSYS},
};
// The kernel's: the C library keeps the first two for itself.
constexpr int kRealTimeMin = 34;
constexpr int kHighest = 64;

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const auto [stopped, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || stopped != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int> real_time(std::string_view name) {
  const bool up = name.starts_with("RTMIN");
  if (!up && !name.starts_with("RTMAX")) return std::nullopt;
  const int base = up ? kRealTimeMin : kHighest;
  name.remove_prefix(5);
  if (name.empty()) return base;
  if (name.front() != (up ? '+' : '-')) return std::nullopt;
  const auto offset = number_in(name.substr(1));
  if (!offset || *offset < 0 || *offset > kHighest - kRealTimeMin) return std::nullopt;
  return up ? base + *offset : base - *offset;
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  const Error unknown(Code::kInvalidArgument, cat("\"", text, "\" is no signal"));
  if (const auto number = number_in(text)) {
    if (*number >= 0 && *number <= kHighest) return *number;
    return unknown;
  }
  std::string name;
  for (const char letter : text)
    name.push_back(letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 32) : letter);
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const SignalName& known : kSignals) {
    if (known.name == name) return known.number;
  }
  if (const auto number = real_time(name)) return *number;
  return unknown;
}

}  // namespace berth::runtime::cli
