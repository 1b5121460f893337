// SPDX-License-Identifier: Apache-2.0
#include "ctl/crictl.hpp"

#include <iostream>

#include "base/cat.hpp"
#include "ctl/client.hpp"

namespace berth::ctl {
namespace {

std::string quote(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return cat(out, "'");
}

}  // namespace

std::string crictl_line(const Context& context, const std::vector<std::string>& arguments) {
  std::string line = cat("crictl -r ", quote(cat("unix://", socket_path(context.socket))));
  for (const auto& argument : arguments) line += cat(" ", quote(argument));
  return line;
}

void show_crictl(const Context& context, const std::vector<std::string>& arguments) {
  if (context.show_crictl) std::cerr << "# " << crictl_line(context, arguments) << "\n";
}

}  // namespace berth::ctl
