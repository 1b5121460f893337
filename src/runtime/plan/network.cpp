// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime::plan_parts {
namespace {

using oci::NamespaceType;
using plan::By;
using plan::OpKind;
using plan::Phase;

void add_up(const std::string& name, std::optional<std::string> addresses_of, Plan& plan) {
  plan.add({.kind = OpKind::kLinkUp,
            .phase = Phase::kUnshare,
            .label = cat("bring up network device ", name),
            .text = name,
            .target = std::move(addresses_of)});
}

}  // namespace

Result<void> add_net_devices(const oci::Spec& spec, const CompileOptions& options, Plan& plan) {
  const NamespaceOrigin origin = namespace_origin(spec, options, NamespaceType::kNetwork);
  // Whoever made a namespace that is joined has seen to its loopback device.
  if (origin == NamespaceOrigin::kNew) add_up("lo", std::nullopt, plan);
  if (spec.linux_.net_devices.empty()) return {};
  if (origin == NamespaceOrigin::kInherited) {
    return Error(Code::kInvalidArgument, cat("linux.netDevices: ", spec.linux_.net_devices.begin()->first,
                                             " needs a network namespace of the container's own"));
  }
  for (const auto& [name, renamed] : spec.linux_.net_devices) {
    const std::string& new_name = renamed.empty() ? name : renamed;
    const bool is_new = origin == NamespaceOrigin::kNew;
    plan.add({.kind = OpKind::kMoveLink,
              .phase = Phase::kJoin,
              .label = cat("move network device ", name, " into the container as ", new_name),
              .text = name,
              .target = new_name,
              .fd = is_new ? FdRequest(NoFd{}) : origin_fd(spec, options, NamespaceType::kNetwork),
              .by = is_new ? By::kMidwifeAfter : By::kMidwifeBefore});
    add_up(new_name, name, plan);
  }
  return {};
}

}  // namespace berth::runtime::plan_parts
