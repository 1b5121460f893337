// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/node_queries.hpp"

#include "base/json.hpp"
#include "base/metrics.hpp"
#include "daemon/version.hpp"
#include "runtime/selinux.hpp"

namespace berth::daemon {
namespace {

void add_condition(cri::RuntimeStatus& status, const char* type, const Result<void>& holds,
                   const char* reason) {
  auto* condition = status.add_conditions();
  condition->set_type(type);
  condition->set_status(static_cast<bool>(holds));
  if (!holds) {
    condition->set_reason(reason);
    condition->set_message(holds.error().to_string());
  }
}

void add_handler(const Services& with, const std::string& name, cri::StatusResponse& response) {
  auto* handler = response.add_runtime_handlers();
  handler->set_name(name);
  handler->mutable_features()->set_recursive_read_only_mounts(true);
  handler->mutable_features()->set_user_namespaces(static_cast<bool>(with.user_namespaces));
}

std::string describe_apparmor(const Services& with) {
  const bool ready = with.apparmor.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  return ready ? with.apparmor.get().describe() : "enabled, the default profile is being loaded";
}

Json verbose_info(const Services& with) {
  Json info;
  info["version"] = kVersion;
  info["root"] = with.layout.root;
  info["state"] = with.layout.state;
  info["cgroups"] = with.cgroups->describe();
  info["network"] = with.networks->network_name();
  info["apparmor"] = describe_apparmor(with);
  info["selinux"] = runtime::selinux_enabled() ? "enabled" : "not enabled";
  info["bootId"] = with.boot_id;
  info["config"] = format_config(with.config, nullptr);
  info["metrics"] = metrics::expose();
  return info;
}

}  // namespace

Result<void> version(Services&, const Call&, const cri::VersionRequest&, cri::VersionResponse& response) {
  response.set_version("0.1.0");  // of the kubelet's runtime API, fixed for ever
  response.set_runtime_name("berth");
  response.set_runtime_version(kVersion);
  response.set_runtime_api_version("v1");
  return {};
}

Result<void> status(Services& with, const Call&, const cri::StatusRequest& request,
                    cri::StatusResponse& response) {
  add_condition(*response.mutable_status(), "RuntimeReady", with.streams.ready(), "StreamingServerFailed");
  add_condition(*response.mutable_status(), "NetworkReady", with.networks->ready(), "NetworkPluginNotReady");
  add_handler(with, "", response);
  for (const auto& entry : with.config.handlers) add_handler(with, entry.first, response);
  response.mutable_features()->set_supplemental_groups_policy(true);
  response.mutable_features()->set_mount_options(true);
  if (request.verbose()) (*response.mutable_info())["info"] = to_text(verbose_info(with));
  return {};
}

Result<void> runtime_config(Services& with, const Call&, const cri::RuntimeConfigRequest&,
                            cri::RuntimeConfigResponse& response) {
  response.mutable_linux()->set_cgroup_driver(with.config.cgroup_driver == "systemd" ? cri::SYSTEMD
                                                                                     : cri::CGROUPFS);
  return {};
}

Result<void> update_runtime_config(Services&, const Call&, const cri::UpdateRuntimeConfigRequest&,
                                   cri::UpdateRuntimeConfigResponse&) {
  return {};
}

}  // namespace berth::daemon
