// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>

#include "base/cat.hpp"
#include "runtime/mount_options.hpp"
#include "runtime/oci/spec_check.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime::plan_parts {
namespace {

using plan::OpKind;
using plan::Phase;

constexpr std::uint32_t kMountPointMode = 0755;

/// Something is put into `destination` after it was mounted: it must be writable until then.
bool is_populated(const oci::Spec& spec, const std::string& destination) {
  if (destination == "/dev") return true;
  for (const oci::Mount& other : spec.mounts) {
    if (oci::is_below(oci::clean_path(other.destination), destination)) return true;
  }
  for (const oci::Device& device : spec.linux_.devices) {
    if (oci::is_below(oci::clean_path(device.path), destination)) return true;
  }
  return false;
}

void add_attributes(const std::string& target, std::uint64_t set, std::uint64_t clear, bool recursive,
                    Phase phase, Plan& plan) {
  if (set == 0 && clear == 0) return;
  plan.add({.kind = OpKind::kMountAttr,
            .phase = phase,
            .label = cat("set mount attributes ", format_mount_attributes(set), " on ", target),
            .mode = recursive ? 1U : 0U,
            .target = target,
            .flags = set,
            .value = clear});
}

void add_propagation(const std::string& target, std::uint64_t propagation, bool recursive, Plan& plan) {
  if (propagation == 0) return;
  plan.add({.kind = OpKind::kMountAttr,
            .phase = Phase::kFiles,
            .label = cat("make the mount on ", target, " ", format_propagation(propagation)),
            .mode = recursive ? 1U : 0U,
            .text = std::to_string(propagation),
            .target = target});
}

void add_bind(const oci::Mount& mount, const std::string& target, const MountOptions& options, Plan& plan) {
  TreeFd tree;
  tree.source = mount.source;
  tree.recursive = options.recursive_bind;
  tree.set = options.set;
  tree.clear = options.clear;
  tree.recursive_set = options.recursive_set;
  tree.recursive_clear = options.recursive_clear;
  // A clone of a shared mount is a peer of the host's: left alone, what the container mounts there
  // would appear on the host. Who wants that, or the other direction, says so.
  tree.propagation = options.propagation != 0 ? options.propagation : std::uint64_t{MS_PRIVATE};
  tree.propagation_recursive = options.propagation == 0 || options.propagation_recursive;
  tree.must_be_procfs = target == "/proc";
  plan.add({.kind = OpKind::kAttachTree,
            .phase = Phase::kFiles,
            .label = cat("bind ", mount.source, " on ", target),
            .target = target,
            .fd = std::move(tree)});
}

void add_new(const oci::Spec& spec, const oci::Mount& mount, const std::string& target,
             const MountOptions& options, Plan& plan) {
  std::vector<std::string> data;
  if (!mount.source.empty()) data.push_back(cat("source=", mount.source));
  data.insert(data.end(), options.data.begin(), options.data.end());
  // A new file system has no mounts below it: recursive attributes are its own.
  std::uint64_t attributes = options.recursive_set;
  attributes &= ~options.clear;
  attributes |= options.set;
  const bool late_readonly = (attributes & MOUNT_ATTR_RDONLY) != 0 && is_populated(spec, target);
  if (late_readonly) attributes &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
  plan.add({.kind = OpKind::kMountNew,
            .phase = Phase::kFiles,
            .label = cat("mount ", mount.type, " on ", target),
            .mode = kMountPointMode,
            .text = mount.type,
            .target = target,
            .extra = std::move(data),
            .flags = attributes});
  add_propagation(target, options.propagation, options.propagation_recursive, plan);
  if (late_readonly) add_attributes(target, MOUNT_ATTR_RDONLY, 0, false, Phase::kMask, plan);
}

void add_remount(const std::string& target, const MountOptions& options, Plan& plan) {
  add_attributes(target, options.recursive_set, options.recursive_clear, true, Phase::kFiles, plan);
  add_attributes(target, options.set, options.clear, false, Phase::kFiles, plan);
  add_propagation(target, options.propagation, options.propagation_recursive, plan);
}

}  // namespace

bool is_bind(const oci::Mount& mount) {
  if (mount.type == "bind") return true;
  for (const std::string& option : mount.options) {
    if (option == "bind" || option == "rbind") return true;
  }
  return false;
}

const oci::Mount* mount_at(const oci::Spec& spec, std::string_view destination) {
  const oci::Mount* found = nullptr;
  for (const oci::Mount& mount : spec.mounts) {
    if (oci::clean_path(mount.destination) == destination) found = &mount;
  }
  return found;
}

Result<void> add_mounts(const oci::Spec& spec, Plan& plan) {
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    const oci::Mount& mount = spec.mounts[i];
    auto options = parse_mount_options(mount.options, mount.type == "bind");
    if (!options)
      return std::move(options).error().add_context(cat("mounts[", i, "] on ", mount.destination));
    const std::string target = oci::clean_path(mount.destination);
    if (options->remount) {
      add_remount(target, *options, plan);
    } else if (options->bind) {
      add_bind(mount, target, *options, plan);
    } else {
      add_new(spec, mount, target, *options, plan);
    }
  }
  return {};
}

}  // namespace berth::runtime::plan_parts
