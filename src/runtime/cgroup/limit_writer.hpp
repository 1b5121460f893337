// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runtime/cgroup/hierarchies.hpp"
#include "runtime/cgroup/resources.hpp"

namespace berth::runtime::cgroup {

/// Writes limits of one group and can take them back. Used for one create or update, then dropped.
class LimitWriter {
 public:
  LimitWriter(const Layout& layout, std::string group) : layout_(layout), group_(std::move(group)) {}

  /// All that `resources` asks for except devices, each controller in its own hierarchy. What the
  /// kernel refuses as a value is kInvalidArgument; a limit below the usage, or a controller that
  /// the host does not have, is kFailedPrecondition. On error nothing has changed.
  Result<void> apply(const oci::Resources& resources);
  /// Restores what apply() changed, newest first. For a failure that comes after it.
  void roll_back();

 private:
  struct Old {
    const MountedHierarchy* hierarchy;
    std::string file;
    std::string value;
  };
  Result<std::vector<Setting>> plan(const oci::Resources& resources) const;
  Result<std::vector<Setting>> plan_controller(std::string_view controller,
                                               const oci::Resources& resources) const;
  Result<void> refuse_below_usage(const oci::Resources& resources) const;
  Result<void> write_all(const std::vector<Setting>& settings);
  Result<void> write(const Setting& setting);
  Result<void> check_taken(const Setting& setting, const MountedHierarchy& hierarchy,
                           const std::string& file) const;
  Error explain(Error error, const Setting& setting, const MountedHierarchy& hierarchy) const;

  const Layout& layout_;
  std::string group_;
  std::vector<Old> old_;
};

}  // namespace berth::runtime::cgroup
