// SPDX-License-Identifier: Apache-2.0
#include "netcni/chain.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <chrono>

#include "base/cat.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "netcni/names.hpp"
#include "netcni/result.hpp"

namespace berth::netcni {
namespace {

/// Observes the time that one verb took, over all plugins, failed or not.
class Stopwatch {
 public:
  explicit Stopwatch(std::string_view verb) : verb_(verb) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { metrics::observe("cni", verb_, std::chrono::steady_clock::now() - start_); }

 private:
  std::string_view verb_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A pinned namespace that was unmounted, or that a reboot ended, leaves a plain file or nothing.
bool is_namespace(const std::string& path) {
  struct statfs info {};
  return ::statfs(path.c_str(), &info) == 0 && (info.f_type == NSFS_MAGIC || info.f_type == PROC_SUPER_MAGIC);
}

Result<Json> read_result(const std::string& out, std::string_view version) {
  auto result = parse_result(out, version, "the plugin's result");
  if (!result)
    return Error(Code::kInternal,
                 cat(result.error().to_string(), "; it printed \"", printable(out, 200), "\""));
  return result;
}

}  // namespace

std::string Chain::frame(const PluginConf& plugin, std::string_view verb) const {
  return cat("network \"", list_.name, "\": plugin \"", plugin.type, "\": ", verb);
}

Result<Json> Chain::add(std::stop_token cancel) const {
  Json last;
  auto result = add_in_order(std::move(cancel), last);
  if (!result) undo(last);
  return result;
}

Result<Json> Chain::add_in_order(std::stop_token cancel, Json& last) const {
  const Stopwatch stopwatch("ADD");
  for (const PluginConf& plugin : list_.plugins) {
    ASSIGN_OR_RETURN(const std::string out, run(plugin, "ADD", last, arguments_, cancel));
    ASSIGN_OR_RETURN(last, read_result(out, list_.version).context(frame(plugin, "ADD")));
  }
  return last;
}

// Nobody repeats this DEL, so one broken plugin must not keep the others from cleaning up.
void Chain::undo(const Json& last) const {
  const Stopwatch stopwatch("DEL");
  const Arguments arguments = arguments_for_del();
  const Json prev = prev_result_for_del(last);
  for (auto plugin = list_.plugins.rbegin(); plugin != list_.plugins.rend(); ++plugin) {
    if (const auto done = run(*plugin, "DEL", prev, arguments, {}); !done) {
      log::warn("cannot undo a failed attachment",
                {{"pod", arguments_.container_id}, {"error", done.error().to_string()}});
    }
  }
}

Result<void> Chain::del(const Json& result) const {
  const Stopwatch stopwatch("DEL");
  const Arguments arguments = arguments_for_del();
  const Json prev = prev_result_for_del(result);
  for (auto plugin = list_.plugins.rbegin(); plugin != list_.plugins.rend(); ++plugin) {
    RETURN_IF_ERROR(run(*plugin, "DEL", prev, arguments, {}));
  }
  return {};
}

Result<void> Chain::check(const Json& result) const {
  if (list_.disable_check || !is_at_least(list_.version, "0.4.0")) return {};
  const Stopwatch stopwatch("CHECK");
  for (const PluginConf& plugin : list_.plugins)
    RETURN_IF_ERROR(run(plugin, "CHECK", result, arguments_, {}));
  return {};
}

Result<std::string> Chain::run(const PluginConf& plugin, std::string_view verb, const Json& prev,
                               const Arguments& arguments, std::stop_token cancel) const {
  const std::string input = plugin_input(list_, plugin, prev, arguments.capabilities);
  return run_plugin(host_, plugin.type, verb, arguments, input, std::move(cancel))
      .context(frame(plugin, verb));
}

// An empty CNI_NETNS tells plugins to release what they can without the namespace.
Arguments Chain::arguments_for_del() const {
  Arguments arguments = arguments_;
  if (!is_namespace(arguments.netns)) arguments.netns.clear();
  return arguments;
}

// DEL knows prevResult since 0.4.0; older plugins may refuse unknown keys.
Json Chain::prev_result_for_del(const Json& result) const {
  return is_at_least(list_.version, "0.4.0") ? result : Json();
}

}  // namespace berth::netcni
