// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "runtime/cgroup/manager.hpp"
#include "runtime/cli/record.hpp"
#include "runtime/cli/state_dir.hpp"
#include "runtime/cli/verb.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime::cli {

/// A container that was created, as another process finds it.
class Container {
 public:
  /// kNotFound when there is none of that name.
  static Result<Container> open(const Context& context, const std::string& id);
  Container(const Context& context, StateDir dir, Record record)
      : context_(&context), dir_(std::move(dir)), record_(std::move(record)) {}

  const Context& context() const { return *context_; }
  const std::string& id() const { return record_.id; }
  StateDir& dir() { return dir_; }
  Record& record() { return record_; }
  const Record& record() const { return record_; }

  /// Waits for whoever changes this container, and looks again what is true.
  Result<void> lock();
  void unlock() { dir_.unlock(); }
  /// status_of(), and kPaused.
  Status status();
  /// config.json as it was at create. Read when first asked for.
  Result<const oci::Spec*> spec();
  /// What spec() is from here on.
  void keep_spec(oci::Spec spec) { spec_ = std::move(spec); }
  /// kFailedPrecondition when it has no cgroup of its own.
  Result<cgroup::Manager*> cgroups();
  /// Of its process; kFailedPrecondition when that has ended.
  Result<UniqueFd> process() const;

  /// Kills what is left of it, removes its cgroup and its state, and runs the poststop hooks, whose
  /// failures are only warned about. Everything is tried; the first error is returned.
  Result<void> destroy();

  /// The state as JSON text for the hooks of a point.
  std::string hook_state(Status status, pid_t pid) const;

 private:
  Result<std::unique_ptr<cgroup::Manager>> open_cgroups();
  Result<void> stop_everything();
  Result<void> remove_processes();

  const Context* context_;
  StateDir dir_;
  Record record_;
  std::optional<oci::Spec> spec_;
  UniqueFd scope_holder_;  // the program that is in a scope before the container's process is
  std::unique_ptr<cgroup::Manager> cgroups_;
};

}  // namespace berth::runtime::cli
