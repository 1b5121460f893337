// SPDX-License-Identifier: Apache-2.0
#include "base/failpoint.hpp"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>

namespace berth {
namespace {

using Table = std::map<std::string, std::string, std::less<>>;  // name -> action, "" is to die

Table read_table() {
  Table table;
  const char* text = std::getenv("BERTH_FAILPOINT");
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    const std::size_t equals = item.find('=');
    table[std::string(item.substr(0, equals))] =
        equals == std::string_view::npos ? "" : item.substr(equals + 1);
  }
  return table;
}

}  // namespace

bool failpoint(std::string_view name) {
  static const Table table = read_table();
  const auto found = table.find(name);
  if (found == table.end()) return false;
  const std::string_view action = found->second;
  constexpr std::string_view kSleep = "sleep:";
  if (action.starts_with(kSleep)) {
    unsigned milliseconds = 0;
    std::from_chars(action.data() + kSleep.size(), action.data() + action.size(), milliseconds);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return false;
  }
  if (action.empty()) ::kill(::getpid(), SIGKILL);
  return true;
}

}  // namespace berth
