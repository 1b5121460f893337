// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runtime/oci/resources.hpp"

namespace berth::runtime::cgroup {

/// Access bits in the order of the kernel's BPF_DEVCG_ACC_*: mknod 1, read 2, write 4.
inline constexpr unsigned kDeviceMknod = 1;
inline constexpr unsigned kDeviceRead = 2;
inline constexpr unsigned kDeviceWrite = 4;
inline constexpr unsigned kDeviceAll = 7;

/// A rule after checking: 'a' rules are split into 'b' and 'c', access is a mask, -1 is any number.
struct DeviceMatch {
  bool allow = false;
  bool block = false;  ///< else a character device
  long major = -1;
  long minor = -1;
  unsigned access = kDeviceAll;
  friend bool operator==(const DeviceMatch&, const DeviceMatch&) = default;
};

/// What every container may use besides what its rules say: the nodes that it has by default, its
/// terminals, and making nodes that it then may not open. Without the leading "deny all": an engine
/// puts that first, a runtime appends these to the rules that it was given.
std::vector<oci::DeviceRule> default_device_rules();

/// kInvalidArgument names the bad rule. Rules before the last one that covers everything are
/// dropped: nothing of them can win any more. What no rule matches is denied.
Result<std::vector<DeviceMatch>> device_matches(const std::vector<oci::DeviceRule>& rules);

/// For the v1 controller, which knows a default and exceptions of the other kind: the writes, in
/// order. kInvalidArgument for a rule that would cut a hole into an earlier, wider exception, which
/// that controller cannot say.
struct DeviceWrite {
  std::string file;   ///< "devices.allow", "devices.deny"
  std::string value;  ///< "a", "c 1:3 rwm"
};
Result<std::vector<DeviceWrite>> v1_device_writes(const std::vector<oci::DeviceRule>& rules);

}  // namespace berth::runtime::cgroup
