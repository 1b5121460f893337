// SPDX-License-Identifier: Apache-2.0
#include "ctl/cli.hpp"

#include <CLI/CLI.hpp>

#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

/// The library's own leaves the prompt behind the last word.
class LineEnding : public CLI::Formatter {
 public:
  std::string make_footer(const CLI::App* app) const override {
    const std::string text = CLI::Formatter::make_footer(app);
    return text.empty() ? text : text + "\n";
  }
};

}  // namespace

void build_cli(CLI::App& cli, Context& context) {
  cli.name("berthctl");
  cli.description("Administers berthd, a Kubernetes container runtime.");
  cli.formatter(std::make_shared<LineEnding>());
  cli.fallthrough();  // global options may also follow the verb
  cli.add_option("--socket", context.socket, "Where berthd serves")
      ->type_name("unix:///PATH")
      ->envname("BERTH_SOCKET")
      ->capture_default_str();
  cli.add_option_function<std::string>(
         "--config",
         [&context](const std::string& path) {
           context.config_path = path;
           context.config_named = true;
         },
         "The daemon's configuration, for check and config [/etc/berth/berth.toml]")
      ->type_name("FILE");
  cli.add_flag("--show-crictl", context.show_crictl, "Print the equivalent crictl line to stderr first");
  const Verb top(cli, context);
  add_check(top);
  add_config(top);
  add_status(top);
  add_info(top);
  add_version(top);
  add_image(top);
  add_pod(top);
  add_container(top);
  add_exec(top);
  add_stats(top);
  add_smoke(top);
  add_plan(top);
  add_completion(top);
  cli.footer(
      "Examples:\n"
      "  berthctl check                              can this host run pods?\n"
      "  berthctl image import busybox.tar           without a registry\n"
      "  berthctl smoke --image busybox:latest       one pod from its creation to its removal\n"
      "  berthctl --show-crictl pod list             and how to say it to crictl\n\n"
      "Exit status: 0; 1 after an error or an unmet requirement; exec: that of the command.");
}

}  // namespace berth::ctl
