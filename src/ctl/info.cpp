// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "base/json.hpp"
#include "ctl/cli.hpp"
#include "ctl/client.hpp"
#include "ctl/crictl.hpp"
#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

constexpr std::size_t kMaxInfo = 16 << 20;

/// An entry of `info` is JSON text. Long texts inside (the configuration) are shown as they are, not escaped.
void print_info(const std::string& name, const std::string& text) {
  auto json = parse_json(text, kMaxInfo, name);
  if (!json || !json->is_object()) {
    std::cout << name << ": " << text << "\n";
    return;
  }
  for (const auto& [key, value] : json->items()) {
    const bool is_text = value.is_string();
    const std::string shown =
        is_text ? value.get<std::string>() : value.dump(2, ' ', false, Json::error_handler_t::replace);
    const bool is_long = shown.find('\n') != std::string::npos;
    std::cout << key << ":" << (is_long ? "\n" : " ");
    std::size_t begin = 0;
    while (begin < shown.size()) {
      const std::size_t end = std::min(shown.find('\n', begin), shown.size());
      std::cout << (is_long && end > begin ? "  " : "") << shown.substr(begin, end - begin) << "\n";
      begin = end + 1;
    }
    if (shown.empty()) std::cout << "\n";
  }
}

Result<int> info(const Context& context) {
  show_crictl(context, {"info"});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::StatusRequest request;
  request.set_verbose(true);
  ASSIGN_OR_RETURN(const auto answer, client.call(request));
  for (const auto& [name, text] : answer.info()) print_info(name, text);
  return 0;
}

}  // namespace

void add_info(Verb cli) {
  cli.add("info", "All that the daemon tells about itself: directories, cgroups, configuration").runs(info);
}

}  // namespace berth::ctl
