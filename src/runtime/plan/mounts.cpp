// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>

#include "base/cat.hpp"
#include "runtime/oci/linux_check.hpp"
#include "runtime/oci/spec_check.hpp"
#include "runtime/plan/mount_parts.hpp"

namespace berth::runtime::plan_parts {
namespace {

using plan::OpKind;
using plan::Phase;

/// Of the mount itself, else those of the container's user namespace.
std::optional<TreeFd::IdMap> id_map(const oci::Spec& spec, const oci::Mount& mount,
                                    const MountOptions& options) {
  if (!options.id_mapped && mount.uid_mappings.empty()) return std::nullopt;
  TreeFd::IdMap map;
  map.recursive = options.id_mapped_tree;
  map.uids = mount.uid_mappings.empty() ? spec.linux_.uid_mappings : mount.uid_mappings;
  map.gids = mount.gid_mappings.empty() ? spec.linux_.gid_mappings : mount.gid_mappings;
  const oci::Namespace* user = oci::find_namespace(spec.linux_, oci::NamespaceType::kUser);
  if (mount.uid_mappings.empty() && user != nullptr) map.user_namespace = user->path;
  return map;
}

Result<std::string> source_of(const oci::Mount& mount, const CompileOptions& options) {
  if (!mount.source.empty() && mount.source.front() == '/') return mount.source;
  if (!options.bundle.empty()) return cat(options.bundle, "/", mount.source);
  return Error(Code::kInvalidArgument,
               cat("source ", mount.source, " is not absolute, and there is no bundle"));
}

Result<void> add_bind(const oci::Spec& spec, const CompileOptions& compile, const oci::Mount& mount,
                      const std::string& target, const MountOptions& options, Plan& plan) {
  if (options.copy_up) return Error(Code::kInvalidArgument, "tmpcopyup means nothing to a bind mount");
  TreeFd tree;
  tree.given = mount.tree;
  tree.source = mount.source;
  if (!tree.given) {
    ASSIGN_OR_RETURN(tree.source, source_of(mount, compile));
  }
  tree.id_map = id_map(spec, mount, options);
  tree.follow = options.follow_source;
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
            .fd = std::move(tree),
            .flags = options.follow_destination ? 0U : 1U});
  return {};
}

void add_remount(const std::string& target, const MountOptions& options, Plan& plan) {
  add_attributes(target, options.recursive_set, options.recursive_clear, true, Phase::kFiles, plan);
  add_attributes(target, options.set, options.clear, false, Phase::kFiles, plan);
  add_propagation(target, options.propagation, options.propagation_recursive, plan);
}

}  // namespace

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

Result<void> add_mounts(const oci::Spec& spec, const CompileOptions& compile, Plan& plan) {
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    const oci::Mount& mount = spec.mounts[i];
    const auto add = [&]() -> Result<void> {
      ASSIGN_OR_RETURN(const MountOptions options, parse_mount_options(mount.options, mount.type == "bind"));
      const std::string target = oci::clean_path(mount.destination);
      if (options.bind && !options.remount) return add_bind(spec, compile, mount, target, options, plan);
      if (!options.remount) return add_new(spec, compile, mount, target, options, plan);
      add_remount(target, options, plan);
      return {};
    };
    RETURN_IF_ERROR(add().context(cat("mounts[", i, "] on ", mount.destination)));
  }
  return {};
}

}  // namespace berth::runtime::plan_parts
