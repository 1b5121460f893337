// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/device_access.hpp"

#include <fcntl.h>

#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cgroup/control_file.hpp"
#include "runtime/cgroup/devices.hpp"
#include "runtime/cgroup/devices_bpf.hpp"
#include "runtime/cgroup/group_path.hpp"

namespace berth::runtime::cgroup {
namespace {

void restore_v1(int root, const std::string& group, std::string_view list) {
  (void)write_control(root, group, list.starts_with("a ") ? "devices.allow" : "devices.deny", "a");
  if (list.starts_with("a ")) return;
  while (!list.empty()) {
    const std::size_t end = list.find('\n');
    (void)write_control(root, group, "devices.allow", list.substr(0, end));
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
}

Result<void> apply_v1(const MountedHierarchy& devices, const std::string& group,
                      const std::vector<oci::DeviceRule>& rules) {
  ASSIGN_OR_RETURN(const std::vector<DeviceWrite> writes, v1_device_writes(rules));
  const int root = devices.root.get();
  ASSIGN_OR_RETURN(const std::string before, read_control(root, group, "devices.list"));
  for (const DeviceWrite& write : writes) {
    auto written = write_control(root, group, write.file, write.value);
    if (written) continue;
    restore_v1(root, group, before);
    if (written.error().sys_errno() == EINVAL)
      return std::move(std::move(written).error().recode(Code::kInvalidArgument));
    return written;
  }
  return {};
}

}  // namespace

Result<void> apply_device_rules(const Layout& layout, const std::string& group,
                                const std::vector<oci::DeviceRule>& rules) {
  if (rules.empty()) return {};
  if (const MountedHierarchy* devices = layout.find("devices"); devices != nullptr)
    return apply_v1(*devices, group, rules);
  const MountedHierarchy* unified = layout.unified();
  if (unified == nullptr)
    return Error(Code::kFailedPrecondition, "this host has no cgroup controller for devices");
  ASSIGN_OR_RETURN(const std::vector<DeviceMatch> matches, device_matches(rules));
  ASSIGN_OR_RETURN(const UniqueFd dir,
                   open_at(unified->root.get(), below_root(group), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return attach_device_program(dir.get(), matches).context(cat("limit the devices of cgroup ", group));
}

}  // namespace berth::runtime::cgroup
