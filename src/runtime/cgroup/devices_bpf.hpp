// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/bpf.h>

#include <vector>

#include "base/result.hpp"
#include "runtime/cgroup/devices.hpp"

namespace berth::runtime::cgroup {

/// The device controller of cgroup v2 is an eBPF program attached to the group's directory.

/// Decides each requested access bit by the last rule that matches the device and names the bit;
/// what no rule names is denied. Newest rules come first, so it leaves as early as it can. Pure.
std::vector<bpf_insn> device_program(const std::vector<DeviceMatch>& rules);

/// Loads and attaches the program for `rules`; one that we attached before is replaced in one
/// step, others (systemd's, a parent's) stay and are asked, too.
Result<void> attach_device_program(int group_fd, const std::vector<DeviceMatch>& rules);

}  // namespace berth::runtime::cgroup
