// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "base/json.hpp"
#include "base/result.hpp"
#include "netcni/arguments.hpp"
#include "netcni/conflist.hpp"
#include "netcni/plugin_exec.hpp"

namespace berth::netcni {

/// The plugins of one network, run for one pod. Short-lived: borrows what it is given. Errors name
/// network, plugin and verb.
class Chain {
 public:
  Chain(const PluginHost& host, const Conflist& list, const Arguments& arguments)
      : host_(host), list_(list), arguments_(arguments) {}

  /// ADD in order, each plugin seeing the result of the one before. When one fails, DEL of the whole
  /// list has been attempted before this returns.
  Result<Json> add(std::stop_token cancel) const;
  /// DEL in reverse order; stops at the first failure, as the spec wants, so that a repetition meets
  /// what it expects. `result` is ADD's (null: unknown).
  Result<void> del(const Json& result) const;
  /// CHECK in order; success without running anything where the spec knows no CHECK or the list forbids it.
  Result<void> check(const Json& result) const;

 private:
  Result<Json> add_in_order(std::stop_token cancel, Json& last) const;
  std::string frame(const PluginConf& plugin, std::string_view verb) const;
  void undo(const Json& last) const;
  Result<std::string> run(const PluginConf& plugin, std::string_view verb, const Json& prev,
                          const Arguments& arguments, std::stop_token cancel) const;
  Arguments arguments_for_del() const;
  Json prev_result_for_del(const Json& result) const;

  const PluginHost& host_;
  const Conflist& list_;
  const Arguments& arguments_;
};

}  // namespace berth::netcni
