// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.hpp"

#include <iostream>
#include <memory>

#include "ctl/cli.hpp"
#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

Result<int> print_default() {
  std::cout << daemon::format_config({}, nullptr);
  return 0;
}

Result<int> check_file(const std::string& path) {
  ASSIGN_OR_RETURN(const auto loaded, daemon::load_config(path, true));
  RETURN_IF_ERROR(daemon::check_config(loaded.config).context(path));
  std::cout << path << ": good\n";
  return 0;
}

Result<int> dump(const Context& context, bool with_origins) {
  ASSIGN_OR_RETURN(const auto loaded, daemon::load_config(context.config_path, context.config_named));
  std::cout << daemon::format_config(loaded.config, with_origins ? &loaded.origins : nullptr);
  RETURN_IF_ERROR(daemon::check_config(loaded.config));
  return 0;
}

}  // namespace

void add_config(Verb cli) {
  Verb verb = cli.add("config", "The daemon's configuration");
  verb.footer(
      "Examples:\n"
      "  berthctl config default > /etc/berth/berth.toml\n"
      "  berthctl config check /etc/berth/berth.toml    and its drop-ins; names file and line\n"
      "  berthctl config dump --origins                 what holds, and who said so");
  verb.add("default", "Print the defaults, with a comment for each key").runs([](const Context&) {
    return print_default();
  });
  auto path = std::make_shared<std::string>();
  verb.add("check", "Check a file and its drop-ins")
      .argument("FILE", *path, "The file")
      .runs([path](const Context&) { return check_file(*path); });
  auto with_origins = std::make_shared<bool>(false);
  verb.add("dump", "Print what the file (--config) and its drop-ins amount to")
      .flag("--origins", *with_origins, "Say where each value came from")
      .runs([with_origins](const Context& context) { return dump(context, *with_origins); });
}

}  // namespace berth::ctl
