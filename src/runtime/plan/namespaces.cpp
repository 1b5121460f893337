// SPDX-License-Identifier: Apache-2.0
#include <linux/sched.h>

#include <algorithm>

#include "base/cat.hpp"
#include "runtime/plan/parts.hpp"
#include "runtime/sysctl_keys.hpp"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace berth::runtime::plan_parts {
namespace {

using oci::NamespaceType;
using plan::OpKind;
using plan::Phase;

/// The user namespace last: in it the right to join those of the host is gone. The mount namespace
/// after all whose files are still needed by path.
constexpr NamespaceType kJoinOrder[] = {NamespaceType::kNetwork, NamespaceType::kIpc,  NamespaceType::kUts,
                                        NamespaceType::kCgroup,  NamespaceType::kTime, NamespaceType::kMount,
                                        NamespaceType::kUser};

const oci::Namespace* find(const oci::Spec& spec, NamespaceType type) {
  for (const oci::Namespace& entry : spec.linux_.namespaces) {
    if (entry.type == type) return &entry;
  }
  return nullptr;
}

std::uint32_t pod_fd(NamespaceType type) {
  switch (type) {
    case NamespaceType::kNetwork:
      return plan::kPodNet;
    case NamespaceType::kIpc:
      return plan::kPodIpc;
    case NamespaceType::kUts:
      return plan::kPodUts;
    case NamespaceType::kPid:
      return plan::kPodPid;
    case NamespaceType::kUser:
      return plan::kPodUser;
    default:
      return plan::kNoFd;
  }
}

Result<void> check_supported(const oci::Spec& spec, const CompileOptions& options) {
  for (NamespaceType type : options.pod_namespaces) {
    if (pod_fd(type) == plan::kNoFd) {
      return Error(Code::kInvalidArgument, cat("a pod has no ", namespace_name(type), " namespace to share"));
    }
  }
  const bool new_user = namespace_origin(spec, options, NamespaceType::kUser) == NamespaceOrigin::kNew;
  if (new_user && namespace_origin(spec, options, NamespaceType::kMount) == NamespaceOrigin::kPath) {
    return Error(Code::kInvalidArgument,
                 cat("linux.namespaces: with a new user namespace the mount namespace cannot be ",
                     find(spec, NamespaceType::kMount)->path));
  }
  if (new_user && namespace_origin(spec, options, NamespaceType::kCgroup) == NamespaceOrigin::kPath) {
    return Error(Code::kInvalidArgument,
                 cat("linux.namespaces: with a new user namespace the cgroup namespace cannot be ",
                     find(spec, NamespaceType::kCgroup)->path));
  }
  return {};
}

/// With a user namespace every other one is joined from outside, before the right to it is gone; the
/// process is then born in them.
void add_setns(const oci::Spec& spec, const CompileOptions& options, NamespaceType type, Plan& plan) {
  const bool of_pod = namespace_origin(spec, options, type) == NamespaceOrigin::kPod;
  plan.add({.kind = OpKind::kSetns,
            .phase = Phase::kJoin,
            .label = of_pod ? cat("join the pod's ", namespace_name(type), " namespace")
                            : cat("join the ", namespace_name(type), " namespace ", find(spec, type)->path),
            .fd = origin_fd(spec, options, type),
            .flags = clone_flag(type),
            .by = in_user_namespace(spec, options) ? plan::By::kMidwifeBefore : plan::By::kChild});
}

void add_new(const oci::Spec& spec, NamespaceType type, Plan& plan) {
  if (type == NamespaceType::kCgroup) {
    // Its root is the cgroup that the process is in at that moment, hence not in clone3.
    plan.add({.kind = OpKind::kUnshare,
              .phase = Phase::kUnshare,
              .label = "create a cgroup namespace",
              .flags = clone_flag(type)});
  } else if (type == NamespaceType::kTime && !spec.linux_.time_offsets.empty()) {
    // Its clocks are shifted before the first process enters, hence not in clone3.
    std::string lines;
    for (const auto& [clock, offset] : spec.linux_.time_offsets)
      lines.append(cat(clock, " ", offset.seconds, " ", offset.nanoseconds, "\n"));
    plan.add({.kind = OpKind::kTimeOffsets,
              .phase = Phase::kUnshare,
              .label = "shift the clocks of a new time namespace",
              .text = std::move(lines)});
  } else {
    plan.clone_flags |= clone_flag(type);
  }
}

}  // namespace

FdRequest origin_fd(const oci::Spec& spec, const CompileOptions& options, NamespaceType type) {
  if (namespace_origin(spec, options, type) == NamespaceOrigin::kPod) return PodFd{pod_fd(type)};
  const auto is_of_it = [&](const auto& entry) { return sysctl_owner(entry.first) == type; };
  const bool changed = std::any_of(spec.linux_.sysctl.begin(), spec.linux_.sysctl.end(), is_of_it);
  return NamespaceFd{type, find(spec, type)->path, changed};
}

std::uint64_t clone_flag(NamespaceType type) {
  switch (type) {
    case NamespaceType::kPid:
      return CLONE_NEWPID;
    case NamespaceType::kNetwork:
      return CLONE_NEWNET;
    case NamespaceType::kIpc:
      return CLONE_NEWIPC;
    case NamespaceType::kUts:
      return CLONE_NEWUTS;
    case NamespaceType::kMount:
      return CLONE_NEWNS;
    case NamespaceType::kUser:
      return CLONE_NEWUSER;
    case NamespaceType::kCgroup:
      return CLONE_NEWCGROUP;
    case NamespaceType::kTime:
      return CLONE_NEWTIME;
  }
  return 0;
}

std::string_view namespace_name(NamespaceType type) {
  switch (type) {
    case NamespaceType::kPid:
      return "pid";
    case NamespaceType::kNetwork:
      return "network";
    case NamespaceType::kIpc:
      return "ipc";
    case NamespaceType::kUts:
      return "uts";
    case NamespaceType::kMount:
      return "mount";
    case NamespaceType::kUser:
      return "user";
    case NamespaceType::kCgroup:
      return "cgroup";
    case NamespaceType::kTime:
      return "time";
  }
  return "unknown";
}

NamespaceOrigin namespace_origin(const oci::Spec& spec, const CompileOptions& options, NamespaceType type) {
  if (options.pod_namespaces.count(type) != 0) return NamespaceOrigin::kPod;
  const oci::Namespace* entry = find(spec, type);
  if (entry == nullptr) return NamespaceOrigin::kInherited;
  return entry->path.empty() ? NamespaceOrigin::kNew : NamespaceOrigin::kPath;
}

Result<void> add_namespaces(const oci::Spec& spec, const CompileOptions& options, Plan& plan) {
  RETURN_IF_ERROR(check_supported(spec, options));
  if (namespace_origin(spec, options, NamespaceType::kMount) != NamespaceOrigin::kPath)
    plan.clone_flags |= clone_flag(NamespaceType::kMount);
  if (find(spec, NamespaceType::kMount) == nullptr)
    plan.warnings.emplace_back(
        "linux.namespaces: without a mount namespace the container gets a new one all the same");
  for (NamespaceType type : kJoinOrder) {
    const NamespaceOrigin origin = namespace_origin(spec, options, type);
    if (origin == NamespaceOrigin::kPod || origin == NamespaceOrigin::kPath) {
      add_setns(spec, options, type, plan);
    } else if (origin == NamespaceOrigin::kNew && type != NamespaceType::kMount) {
      add_new(spec, type, plan);
    }
  }
  const NamespaceOrigin pid = namespace_origin(spec, options, NamespaceType::kPid);
  if (pid == NamespaceOrigin::kNew) plan.clone_flags |= clone_flag(NamespaceType::kPid);
  if (pid == NamespaceOrigin::kPod || pid == NamespaceOrigin::kPath)
    plan.join_pid = origin_fd(spec, options, NamespaceType::kPid);
  return {};
}

Result<void> add_exec_namespaces(const ExecTarget& target, Plan& plan) {
  std::uint64_t flags = 0;
  for (NamespaceType type : target.namespaces) {
    // A process cannot move between pid namespaces; it must be born in the right one.
    if (type != NamespaceType::kPid) flags |= clone_flag(type);
  }
  if (target.namespaces.count(NamespaceType::kPid) != 0) plan.join_pid = TargetFd{};
  if (flags != 0) {
    plan.add({.kind = OpKind::kSetns,
              .phase = Phase::kJoin,
              .label = "join the namespaces of the container",
              .fd = TargetFd{},
              .flags = flags});
  }
  return {};
}

Result<void> add_hostname(const oci::Spec& spec, const CompileOptions& options, Plan& plan) {
  if (spec.hostname.empty() && spec.domainname.empty()) return {};
  const NamespaceOrigin origin = namespace_origin(spec, options, NamespaceType::kUts);
  if (origin == NamespaceOrigin::kInherited) {
    return Error(Code::kInvalidArgument,
                 cat("hostname ", spec.hostname.empty() ? spec.domainname : spec.hostname,
                     " needs a uts namespace: the container has the host's"));
  }
  // Whoever made a shared namespace has named it.
  if (origin != NamespaceOrigin::kNew) return {};
  if (!spec.hostname.empty()) {
    plan.add({.kind = OpKind::kHostname,
              .phase = Phase::kSetup,
              .label = cat("set host name ", spec.hostname),
              .text = spec.hostname});
  }
  if (!spec.domainname.empty()) {
    plan.add({.kind = OpKind::kDomainname,
              .phase = Phase::kSetup,
              .label = cat("set domain name ", spec.domainname),
              .text = spec.domainname});
  }
  return {};
}

}  // namespace berth::runtime::plan_parts
