// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime {

/// CPU cache and memory bandwidth through the kernel's resctrl file system.
struct ResctrlGroup {
  UniqueFd tasks;        ///< a process that writes "0" here joins
  bool created = false;  ///< remove_resctrl_group takes it away again
};

/// The container's group, made when `closID` does not name one that exists. kFailedPrecondition where
/// resctrl is not mounted; kInvalidArgument for a closID without schemata that does not exist. `root`
/// is where it is mounted.
Result<ResctrlGroup> open_resctrl_group(const oci::IntelRdt& wanted, const std::string& container,
                                        const std::string& root = "/sys/fs/resctrl");

/// What open_resctrl_group() made: the group if it was `created`, otherwise the group that monitors.
/// Absent is success.
Result<void> remove_resctrl_group(const oci::IntelRdt& wanted, const std::string& container, bool created,
                                  const std::string& root = "/sys/fs/resctrl");

}  // namespace berth::runtime
