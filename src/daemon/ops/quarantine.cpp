// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/quarantine.hpp"

#include <csignal>
#include <cstdio>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "daemon/ops/pod_cgroup.hpp"
#include "daemon/ops/pod_lifecycle.hpp"
#include "daemon/ops/retry.hpp"
#include "daemon/state/records.hpp"

namespace berth::daemon {
namespace {

Result<void> put_aside(const Services& with, const std::string& path, const std::string& id) {
  RETURN_IF_ERROR(make_dirs(with.layout.quarantine(), 0700));
  const std::string place = cat(with.layout.quarantine(), "/", id, "-", now_ns());
  if (std::rename(path.c_str(), place.c_str()) != 0 && errno != ENOENT)
    return Error::from_errno(errno, "move to quarantine", path);
  return {};
}

/// The shim refuses to go while a container lives.
void end_containers(Services& with, PodSandbox& pod) {
  auto shim = runtime::ShimClient::connect(with.layout.live_pod(pod.id()), *with.reactor, {});
  if (!shim) return;
  *pod.shim.lock() = *shim;
  auto objects = (*shim)->list(shim_deadline());
  if (!objects) return;  // it is killed then
  for (const auto& state : *objects) {
    const std::string id(state.id.hex, sizeof state.id.hex);
    (void)(*shim)->signal(id, SIGKILL);
    auto removed = remove_container_cgroup(with, cgroup_of(pod.record().cgroup_parent, id));
    if (!removed) log::error("remove cgroup", {{"container", id}, {"error", removed.error().to_string()}});
  }
}

}  // namespace

void load_network(Services& with, PodSandbox& pod) {
  auto attachment = load_attachment(with.layout, pod.id());
  if (attachment) {
    *pod.attachment.lock() = *std::move(attachment);
    return;
  }
  if (attachment.error().code() == Code::kNotFound || pod.status.lock()->torn_down) return;
  log::error("a pod's network attachment cannot be read: it will be rebuilt from the present configuration",
             {{"pod", pod.id()}, {"error", attachment.error().to_string()}});
  pod.status.lock()->network_attached = true;
}

PodPtr stray_pod(const Services& with, PodRecord record) {
  if (record.cgroup_parent.empty()) {
    record.cgroup_parent = own_cgroup_parent(with, record.id);
    record.owns_cgroup_parent = true;
  }
  return std::make_shared<PodSandbox>(std::move(record));
}

void quarantine_pod(Services& with, const std::string& id, const Error& why) {
  log::error("a pod's record cannot be read: the pod ends, its record goes to quarantine",
             {{"pod", id}, {"error", why.to_string()}});
  const PodPtr pod = stray_pod(with, salvage_pod_record(with.layout, id));
  if (auto status = load_pod_status(with.layout, id)) pod->status.lock()->ips = status->ips;
  load_network(with, *pod);
  retry_until_done(with, cat("end and quarantine pod ", id), [&with, pod]() -> Result<void> {
    end_containers(with, *pod);
    RETURN_IF_ERROR(tear_down_pod(with, *pod));
    return put_aside(with, with.layout.pod(pod->id()), pod->id());
  });
}

void quarantine_container(Services& with, const std::string& id, const Error& why) {
  log::error("a container's record cannot be read: it goes to quarantine",
             {{"container", id}, {"error", why.to_string()}});
  for (const auto& pod : with.pods.list()) {
    const std::string cgroup = cgroup_of(pod->record().cgroup_parent, id);
    if (!with.cgroups->exists(cgroup)) continue;
    retry_until_done(with, cat("remove cgroup of ", id),
                     [&with, cgroup] { return remove_container_cgroup(with, cgroup); });
  }
  auto moved = put_aside(with, with.layout.container(id), id);
  if (!moved) log::error("quarantine failed", {{"container", id}, {"error", moved.error().to_string()}});
}

}  // namespace berth::daemon
