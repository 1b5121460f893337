// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "netcni/arguments.hpp"

namespace berth::netcni {

/// Where plugins are, and how long one may take.
struct PluginHost {
  std::vector<std::string> bin_dirs;
  std::chrono::milliseconds timeout;
};

/// The executable of a plugin in the first directory that has it. The error names plugin and directories.
Result<std::string> find_plugin(const std::vector<std::string>& bin_dirs, const std::string& type);

/// Runs a plugin once and returns its stdout; blocks until it exits. Past the timeout, or on cancel,
/// it is killed together with its children. A plugin's own error (code, message, details) becomes
/// ours: kUnavailable when it says "try again later", else kInternal. The error does not name the plugin.
Result<std::string> run_plugin(const PluginHost& host, const std::string& type, std::string_view verb,
                               const Arguments& arguments, std::string_view input, std::stop_token cancel);

/// The sentence for what a failed plugin printed; any bytes will do.
Error plugin_failure(std::string_view status, std::string_view out, std::string_view err);

}  // namespace berth::netcni
