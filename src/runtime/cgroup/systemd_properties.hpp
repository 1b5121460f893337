// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/cgroup/systemd_names.hpp"
#include "runtime/oci/resources.hpp"

namespace berth::runtime::cgroup {

/// A property of a unit as D-Bus carries it: b, t, s, au, ay. The names are the ones below and no
/// others: nothing that a pod says becomes one.
struct UnitProperty {
  using Value =
      std::variant<bool, std::uint64_t, std::string, std::vector<std::uint32_t>, std::vector<std::uint8_t>>;
  std::string name;
  Value value;
  friend bool operator==(const UnitProperty&, const UnitProperty&) = default;
};

/// What makes a transient unit a container's: in its slice, delegated, without systemd's default
/// dependencies, collected also when it failed. A scope begins with process `first`; a slice has none.
std::vector<UnitProperty> unit_properties(const UnitPlace& place, pid_t first);

/// The limits that systemd knows, so that it does not write others when it reloads. They are coarser
/// than the kernel's files (a quota is a multiple of 10 ms per second), which are written afterwards.
/// `cpu_max_before` is the content of cpu.max: a quota without a period goes with its period.
/// `resources` have been checked.
std::vector<UnitProperty> limit_properties(const oci::Resources& resources, std::string_view cpu_max_before);

}  // namespace berth::runtime::cgroup
