// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "runtime/netlink.hpp"

namespace berth::runtime {

/// What a network interface has received and sent since it was made.
struct InterfaceCounters {
  struct Way {
    std::uint64_t bytes = 0, packets = 0, errors = 0, dropped = 0;
  };
  std::string name;
  Way received, sent;
};

/// Appends what one packet of a dump says about interfaces; true when the dump goes on.
bool read_interfaces(Bytes packet, std::vector<InterfaceCounters>& interfaces);

/// All interfaces, loopback too, of the network namespace that a file stands for. May block for as long as
/// somebody keeps the kernel's lock of network devices.
Result<std::vector<InterfaceCounters>> interface_counters(const std::string& netns_path);

}  // namespace berth::runtime
