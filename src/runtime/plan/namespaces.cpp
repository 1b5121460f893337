// SPDX-License-Identifier: Apache-2.0
#include <linux/sched.h>

#include <algorithm>

#include "base/cat.hpp"
#include "runtime/plan/parts.hpp"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace berth::runtime::plan_parts {
namespace {

using oci::NamespaceType;
using plan::OpKind;
using plan::Phase;

constexpr NamespaceType kJoinOrder[] = {NamespaceType::kNetwork, NamespaceType::kIpc, NamespaceType::kUts,
                                        NamespaceType::kCgroup, NamespaceType::kTime};

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
  if (find(spec, NamespaceType::kUser) != nullptr) {
    return Error(Code::kInvalidArgument, "linux.namespaces: user namespaces are not supported");
  }
  const oci::Namespace* mount = find(spec, NamespaceType::kMount);
  if (mount != nullptr && !mount->path.empty()) {
    return Error(
        Code::kInvalidArgument,
        cat("linux.namespaces: a container's mount namespace is always new, it cannot be ", mount->path));
  }
  return {};
}

void add_setns(NamespaceType type, FdRequest fd, std::string label, Plan& plan) {
  plan.add({.kind = OpKind::kSetns,
            .phase = Phase::kJoin,
            .label = std::move(label),
            .fd = std::move(fd),
            .flags = clone_flag(type)});
}

FdRequest origin_fd(const oci::Spec& spec, NamespaceOrigin origin, NamespaceType type) {
  if (origin == NamespaceOrigin::kPod) return PodFd{pod_fd(type)};
  return NamespaceFd{type, find(spec, type)->path};
}

}  // namespace

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
  plan.clone_flags = clone_flag(NamespaceType::kMount);
  for (NamespaceType type : kJoinOrder) {
    const NamespaceOrigin origin = namespace_origin(spec, options, type);
    if (origin == NamespaceOrigin::kPod) {
      add_setns(type, origin_fd(spec, origin, type),
                cat("join the pod's ", namespace_name(type), " namespace"), plan);
    } else if (origin == NamespaceOrigin::kPath) {
      add_setns(type, origin_fd(spec, origin, type),
                cat("join the ", namespace_name(type), " namespace ", find(spec, type)->path), plan);
    } else if (origin == NamespaceOrigin::kNew && type == NamespaceType::kCgroup) {
      // Its root is the cgroup that the process is in at that moment, hence not in clone3.
      plan.add({.kind = OpKind::kUnshare,
                .phase = Phase::kUnshare,
                .label = "create a cgroup namespace",
                .flags = clone_flag(type)});
    } else if (origin == NamespaceOrigin::kNew) {
      plan.clone_flags |= clone_flag(type);
      if (type == NamespaceType::kNetwork) {
        plan.add(
            {.kind = OpKind::kLoopbackUp, .phase = Phase::kUnshare, .label = "bring the loopback device up"});
      }
    }
  }
  const NamespaceOrigin pid = namespace_origin(spec, options, NamespaceType::kPid);
  if (pid == NamespaceOrigin::kNew) plan.clone_flags |= clone_flag(NamespaceType::kPid);
  if (pid == NamespaceOrigin::kPod || pid == NamespaceOrigin::kPath)
    plan.join_pid = origin_fd(spec, pid, NamespaceType::kPid);
  return {};
}

Result<void> add_exec_namespaces(const ExecTarget& target, Plan& plan) {
  std::uint64_t flags = 0;
  for (NamespaceType type : target.namespaces) {
    if (type == NamespaceType::kUser)
      return Error(Code::kInvalidArgument, "exec: user namespaces are not supported");
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
