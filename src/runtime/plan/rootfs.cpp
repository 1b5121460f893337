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

struct RootPropagation {
  std::uint64_t before = MS_SLAVE;  ///< of the copied host tree, until it is gone
  std::uint64_t after = 0;          ///< of the new root, once it is the root
  bool after_recursive = false;
};

Result<RootPropagation> root_propagation(const std::string& word) {
  RootPropagation result;
  if (word.empty()) return result;
  std::uint64_t flag = 0;
  bool recursive = false;
  if (!parse_propagation(word, flag, recursive)) {
    return Error(Code::kInvalidArgument,
                 cat("linux.rootfsPropagation: ", word, " is not a propagation type"));
  }
  if (flag == MS_PRIVATE) result.before = MS_PRIVATE;
  // While the host's mounts are still in this namespace, "shared" would reach the host.
  if (flag == MS_SHARED || flag == MS_UNBINDABLE) {
    result.after = flag;
    result.after_recursive = recursive;
  }
  return result;
}

}  // namespace

Result<void> add_rootfs(const oci::Spec& spec, const CompileOptions& options, Plan& plan) {
  if (options.attach_dir.empty() || options.attach_dir.front() != '/') {
    return Error(
        Code::kInvalidArgument,
        cat("the directory for the root file system must be absolute, not \"", options.attach_dir, "\""));
  }
  ASSIGN_OR_RETURN(const RootPropagation propagation, root_propagation(spec.linux_.rootfs_propagation));
  // In a mount namespace that is joined there need not be such a directory; the root itself is there.
  const bool joined = namespace_origin(spec, options, oci::NamespaceType::kMount) == NamespaceOrigin::kPath;
  plan.add({.kind = OpKind::kRootPropagation,
            .phase = Phase::kFiles,
            .label = cat("make the host's mounts ", format_propagation(propagation.before)),
            .flags = MS_REC | propagation.before});
  plan.add({.kind = OpKind::kAttachRoot,
            .phase = Phase::kFiles,
            .label = "attach the root file system",
            .target = joined ? "/" : options.attach_dir,
            .fd = RootfsFd{propagation.before}});
  plan.add({.kind = OpKind::kPivot, .phase = Phase::kPivot, .label = "pivot into the root file system"});
  if (propagation.after != 0) {
    plan.add({.kind = OpKind::kMountAttr,
              .phase = Phase::kMask,
              .label = cat("make the root ", format_propagation(propagation.after)),
              .mode = propagation.after_recursive ? 1U : 0U,
              .text = std::to_string(propagation.after),
              .target = "/"});
  }
  return {};
}

void add_working_dir(const oci::Spec& spec, Plan& plan) {
  const std::string path = oci::clean_path(spec.process.cwd);
  // On a root that will be writable the step that enters the directory also makes it.
  if (!spec.root.readonly || !spec.process.create_cwd || path == "/") return;
  plan.add({.kind = OpKind::kMakeDir,
            .phase = Phase::kFiles,
            .label = cat("create the working directory ", path),
            .mode = 0755,
            .target = path});
}

}  // namespace berth::runtime::plan_parts
