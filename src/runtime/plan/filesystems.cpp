// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>

#include <algorithm>
#include <array>

#include "base/cat.hpp"
#include "runtime/oci/spec_check.hpp"
#include "runtime/plan/mount_parts.hpp"
#include "runtime/selinux.hpp"

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

/// A new file system has no mounts below it: recursive attributes are its own.
std::uint64_t attributes_of(const MountOptions& options) {
  return (options.recursive_set & ~options.clear) | options.set;
}

/// Whether the options say already how the files are labelled.
bool has_label(const std::vector<std::string>& data) {
  return std::any_of(data.begin(), data.end(),
                     [](const std::string& option) { return option.find("context=") < option.find('='); });
}

/// Whether a new mount of this type is a file system of its own, whose files can be labelled as a whole:
/// of the others there is one for the whole machine or namespace.
bool takes_label(std::string_view type) {
  constexpr std::array<std::string_view, 14> kOnlyOne = {
      "proc",       "sysfs", "mqueue",      "cgroup",   "cgroup2", "debugfs",  "tracefs",
      "securityfs", "bpf",   "binfmt_misc", "configfs", "pstore",  "efivarfs", "selinuxfs"};
  return std::find(kOnlyOne.begin(), kOnlyOne.end(), type) == kOnlyOne.end();
}

struct NewMount {
  std::string type;
  std::string target;
  std::vector<std::string> data;
  std::uint64_t attributes = 0;
  bool copy_up = false;
};

void add_mount(NewMount mount, Plan& plan) {
  plan.add({.kind = OpKind::kMountNew,
            .phase = Phase::kFiles,
            .label = cat("mount ", mount.type, " on ", mount.target),
            .mode = kMountPointMode,
            .text = mount.type,
            .target = mount.target,
            .extra = std::move(mount.data),
            .flags = mount.attributes,
            .value = mount.copy_up ? std::uint64_t{plan::kCopyUp} : 0});
}

void add_host_tree(const std::string& source, const std::string& target, std::uint64_t attributes,
                   Plan& plan) {
  TreeFd tree;
  tree.source = source;
  tree.recursive = true;
  tree.recursive_set = attributes;
  tree.propagation = MS_PRIVATE;
  tree.must_be_procfs = target == "/proc";
  plan.add({.kind = OpKind::kAttachTree,
            .phase = Phase::kFiles,
            .label = cat("bind the host's ", source, " on ", target),
            .target = target,
            .fd = std::move(tree)});
}

/// One hierarchy of the host as the container sees it: its own group as the root.
void add_hierarchy(const CgroupView& view, const std::string& target, std::uint64_t attributes,
                   bool has_namespace, Plan& plan) {
  if (!has_namespace) return add_host_tree(view.directory, target, attributes, plan);
  std::vector<std::string> data = {"source=cgroup"};
  if (!view.v2) data.insert(data.end(), view.options.begin(), view.options.end());
  add_mount({view.v2 ? "cgroup2" : "cgroup", target, std::move(data), attributes}, plan);
}

void add_controller_links(const CgroupView& view, const std::string& target, Plan& plan) {
  if (view.v2 || view.options.size() < 2 || view.options.front() == "none") return;
  for (const std::string& controller : view.options) {
    plan.add({.kind = OpKind::kSymlink,
              .phase = Phase::kFiles,
              .label = cat("create link ", target, "/", controller),
              .text = view.name,
              .target = cat(target, "/", controller)});
  }
}

/// The type "cgroup" without a word about which: all that the host has.
Result<void> add_cgroup_tree(const oci::Spec& spec, const CompileOptions& options, const std::string& target,
                             std::uint64_t attributes, Plan& plan) {
  if (options.cgroups.empty()) {
    return Error(Code::kInvalidArgument,
                 cat("mount of cgroup on ", target, ": the host's cgroup hierarchies are not known"));
  }
  const bool has_namespace =
      namespace_origin(spec, options, oci::NamespaceType::kCgroup) != NamespaceOrigin::kInherited;
  if (options.cgroups.size() == 1 && options.cgroups.front().v2) {
    add_hierarchy(options.cgroups.front(), target, attributes, has_namespace, plan);
    return {};
  }
  add_mount({"tmpfs",
             target,
             {"source=tmpfs", "mode=755", "size=64k"},
             attributes & ~std::uint64_t{MOUNT_ATTR_RDONLY}},
            plan);
  for (const CgroupView& view : options.cgroups) {
    add_hierarchy(view, cat(target, "/", view.name), attributes, has_namespace, plan);
    add_controller_links(view, target, plan);
  }
  if ((attributes & MOUNT_ATTR_RDONLY) != 0)
    add_attributes(target, MOUNT_ATTR_RDONLY, 0, false, Phase::kMask, plan);
  return {};
}

}  // namespace

Result<void> add_new(const oci::Spec& spec, const CompileOptions& options, const oci::Mount& mount,
                     const std::string& target, const MountOptions& parsed, Plan& plan) {
  std::uint64_t attributes = attributes_of(parsed);
  if (parsed.id_mapped) return Error(Code::kInvalidArgument, "only a bind mount can be id-mapped");
  if (parsed.copy_up && mount.type != "tmpfs")
    return Error(Code::kInvalidArgument, cat("tmpcopyup means nothing to ", mount.type));
  if (mount.type == "cgroup" && parsed.data.empty())
    return add_cgroup_tree(spec, options, target, attributes, plan);
  if (const auto view = host_view(spec, options, mount.type)) {
    add_host_tree(*view, target, attributes, plan);
    return {};
  }
  std::vector<std::string> data;
  if (!mount.source.empty()) data.push_back(cat("source=", mount.source));
  data.insert(data.end(), parsed.data.begin(), parsed.data.end());
  if (const std::string& label = spec.linux_.mount_label;
      !label.empty() && takes_label(mount.type) && !has_label(data))
    data.push_back(cat(kContextOption, label));
  const bool late_readonly = (attributes & MOUNT_ATTR_RDONLY) != 0 && is_populated(spec, target);
  if (late_readonly) attributes &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
  add_mount({mount.type, target, std::move(data), attributes, parsed.copy_up}, plan);
  add_propagation(target, parsed.propagation, parsed.propagation_recursive, plan);
  if (late_readonly) add_attributes(target, MOUNT_ATTR_RDONLY, 0, false, Phase::kMask, plan);
  return {};
}

}  // namespace berth::runtime::plan_parts
