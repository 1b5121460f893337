// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "ctl/cli.hpp"

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

void add_config(CLI::App& cli, Context& context) {
  auto* verb = cli.add_subcommand("config", "The daemon's configuration");
  verb->require_subcommand(1);
  verb->footer(
      "Examples:\n"
      "  berthctl config default > /etc/berth/berth.toml\n"
      "  berthctl config check /etc/berth/berth.toml    and its drop-ins; names file and line\n"
      "  berthctl config dump --origins                 what holds, and who said so");
  verb->add_subcommand("default", "Print the defaults, with a comment for each key")->callback([&context] {
    context.action = print_default;
  });
  auto* check = verb->add_subcommand("check", "Check a file and its drop-ins");
  auto path = std::make_shared<std::string>();
  check->add_option("FILE", *path, "The file")->required();
  check->callback([&context, path] { context.action = [path] { return check_file(*path); }; });
  auto* print = verb->add_subcommand("dump", "Print what the file (--config) and its drop-ins amount to");
  auto with_origins = std::make_shared<bool>(false);
  print->add_flag("--origins", *with_origins, "Say where each value came from");
  print->callback([&context, with_origins] {
    context.action = [&context, with_origins] { return dump(context, *with_origins); };
  });
}

}  // namespace berth::ctl
