// SPDX-License-Identifier: Apache-2.0
#include "daemon/flags.hpp"

#include <CLI/CLI.hpp>

#include "base/cat.hpp"
#include "daemon/config_keys.hpp"

namespace berth::daemon {
namespace {

struct Flag {
  const char* name;
  const char* key;
  const char* value;  ///< what --help calls it
};

constexpr Flag kFlags[] = {
    {"--root", "daemon.root", "DIR"},
    {"--state", "daemon.state", "DIR"},
    {"--listen", "daemon.listen", "unix:///PATH"},
    {"--log-level", "log.level", "LEVEL"},
    {"--log-format", "log.format", "FORMAT"},
    {"--cgroup-driver", "cgroup.driver", "NAME"},
    {"--cgroup-parent", "cgroup.parent", "PATH"},
    {"--pid1", "runtime.pid1_path", "FILE"},
    {"--unpack", "image.unpack_path", "FILE"},
    {"--registries-conf", "image.registries_conf", "FILE"},
    {"--registries-conf-dir", "image.registries_conf_dir", "DIR"},
    {"--cni-conf-dir", "network.conf_dir", "DIR"},
    {"--cni-bin-dir", "network.bin_dirs", "DIR"},
    {"--stream-address", "streaming.address", "IP"},
    {"--stream-port", "streaming.port", "PORT"},
    {"--metrics-address", "metrics.address", "HOST:PORT"},
};

}  // namespace

Flags::Flags(CLI::App& cli) : cli_(cli) {
  cli.add_option("--config", config_path_, "The configuration; drop-ins are in FILE.d/*.toml")
      ->type_name("FILE")
      ->capture_default_str();
  for (const Flag& flag : kFlags) {
    const ConfigKey& key = *find_config_key(flag.key);
    const auto add = [&](auto member) {
      return cli.add_option(flag.name, values_.*member, cat(key.comment, " (", flag.key, ")"));
    };
    // One value each: a list is given by repeating the flag.
    std::visit(add, key.member)->type_name(flag.value)->allow_extra_args(false);
  }
  cli.footer(
      "Flags win over drop-ins, drop-ins over the file, the file over the defaults, which\n"
      "`berthctl config default` prints. With --state and without --listen, the socket is\n"
      "STATE/berth.sock.\n\n"
      "Example, beside another daemon:\n"
      "  berthd --root /srv/b/root --state /run/b --cgroup-parent /b\n");
}

Result<LoadedConfig> Flags::load() const {
  const bool named = cli_.get_option("--config")->count() > 0;
  ASSIGN_OR_RETURN(LoadedConfig loaded, load_config(config_path_, named));
  const auto given = [&](const char* flag) { return cli_.get_option(flag)->count() > 0; };
  for (const Flag& flag : kFlags) {
    if (!given(flag.name)) continue;
    std::visit([&](auto member) { loaded.config.*member = values_.*member; },
               find_config_key(flag.key)->member);
    loaded.origins[flag.key] = "flag";
  }
  if (given("--state") && !given("--listen")) {
    loaded.config.listen = cat("unix://", loaded.config.state, "/berth.sock");
    loaded.origins["daemon.listen"] = "flag";
  }
  RETURN_IF_ERROR(check_config(loaded.config));
  return loaded;
}

}  // namespace berth::daemon
