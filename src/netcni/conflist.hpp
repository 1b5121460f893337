// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::netcni {

/// Spec versions whose configurations and results we speak, oldest first.
bool is_supported_version(std::string_view version);
/// Version order for supported versions; an unsupported one is older than all.
bool is_at_least(std::string_view version, std::string_view minimum);

/// One plugin of a list, as its author wrote it.
struct PluginConf {
  std::string type;                    ///< a bare file name, looked up in the plugin directories
  std::set<std::string> capabilities;  ///< those declared true
  Json config;                         ///< the whole object
};

/// A network configuration list. It only describes: nothing here runs a plugin or touches a file.
struct Conflist {
  std::string name;
  std::string version;  ///< the newest version of those offered that we speak
  bool disable_check = false;
  std::vector<PluginConf> plugins;  ///< never empty
  std::string text;                 ///< what parse_conflist reads back to the same list
};

/// Configurations are bounded by this many bytes.
inline constexpr std::size_t kMaxConfSize = 1024 * 1024;

/// Parses a *.conflist; `subject` names it in errors, which are kInvalidArgument.
Result<Conflist> parse_conflist(std::string_view text, std::string_view subject);
/// Parses a single plugin's configuration (*.conf, *.json) and wraps it into a list of one.
Result<Conflist> parse_conf(std::string_view text, std::string_view subject);

/// What a plugin reads on stdin: its configuration under the list's name and version, the result of
/// what ran before (null: none), and of `arguments` those that it declared as capabilities.
std::string plugin_input(const Conflist& list, const PluginConf& plugin, const Json& prev_result,
                         const Json& arguments);

}  // namespace berth::netcni
