// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/pod_lifecycle.hpp"

#include <fcntl.h>

#include <csignal>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "base/remove_tree.hpp"
#include "daemon/ops/exit_events.hpp"
#include "daemon/ops/image_volumes.hpp"
#include "daemon/state/records.hpp"
#include "runtime/namespaces.hpp"
#include "runtime/pod_shm.hpp"

namespace berth::daemon {
namespace {

constexpr std::chrono::milliseconds kCgroupPatience{5000};

/// Keeps the first failure and goes on: one piece that cannot go must not keep the others.
class FirstFailure {
 public:
  void add(Result<void> result, std::string_view what) {
    if (result) return;
    Error error = std::move(result).error();
    error.add_context(std::string(what));
    if (!failure_) failure_ = std::move(error);
  }
  Result<void> result() && {
    if (failure_) return *std::move(failure_);
    return {};
  }

 private:
  std::optional<Error> failure_;
};

}  // namespace

Result<void> remove_live_pod(Services& with, const std::string& pod_id) {
  return remove_tree(with.layout.live_pod(pod_id));
}

Result<std::shared_ptr<runtime::ShimClient>> connect_shim(Services& with, const std::string& pod_id) {
  runtime::ShimClient::Events events;
  events.exited = [&with, pod_id](const shim::ObjectState& state) { on_exited(with, pod_id, state); };
  events.pause_exited = [&with, pod_id] { on_pause_exited(with, pod_id); };
  events.disconnected = [&with, pod_id] { on_shim_lost(with, pod_id); };
  return runtime::ShimClient::connect(with.layout.live_pod(pod_id), *with.reactor, std::move(events));
}

Result<void> end_shim(Services& with, PodSandbox& pod) {
  std::shared_ptr<runtime::ShimClient> shim = std::move(*pod.shim.lock());
  pod.shim.lock()->reset();
  if (!shim) {
    // Recovery of a half-made pod: a shim may be there without our connection.
    auto found = runtime::ShimClient::connect(with.layout.live_pod(pod.id()), *with.reactor, {});
    if (!found) return {};
    shim = *std::move(found);
  }
  auto ended = shim->shut_down(shim_deadline());
  if (ended || !shim->connected()) return {};
  const ProcessId process = shim->process();
  auto pidfd = open_process(process);
  if (!pidfd) return {};
  log::warn("the shim does not end by itself: killing it",
            {{"pod", pod.id()}, {"error", ended.error().to_string()}});
  return signal_process(pidfd->get(), SIGKILL).context("kill the shim");
}

netcni::AttachRequest attach_request(const Services& with, const PodRecord& record) {
  netcni::AttachRequest request;
  request.pod_id = record.id;
  request.namespace_ = record.config.metadata().namespace_();
  request.name = record.config.metadata().name();
  request.uid = record.config.metadata().uid();
  request.netns = with.layout.netns(record.id);
  request.cgroup_parent = record.cgroup_parent;
  for (const auto& port : record.config.port_mappings()) {
    if (port.host_port() == 0) continue;
    static const char* const kProtocols[] = {"tcp", "udp", "sctp"};
    request.port_mappings.push_back({kProtocols[port.protocol()],
                                     static_cast<std::uint16_t>(port.container_port()),
                                     static_cast<std::uint16_t>(port.host_port()), port.host_ip()});
  }
  for (const auto& [key, value] : record.config.annotations()) request.annotations[key] = value;
  const auto& dns = record.config.dns_config();
  request.dns_servers.assign(dns.servers().begin(), dns.servers().end());
  request.dns_searches.assign(dns.searches().begin(), dns.searches().end());
  request.dns_options.assign(dns.options().begin(), dns.options().end());
  return request;
}

Result<void> detach_network(Services& with, PodSandbox& pod) {
  auto attachment = *pod.attachment.lock();
  if (!attachment) {
    const PodStatus status = *pod.status.lock();
    if (pod.record().host_network || !status.network_attached) return {};
    ASSIGN_OR_RETURN(attachment, with.networks->plan(attach_request(with, pod.record()), status.ips)
                                     .context("rebuild the attachment, which is lost"));
  }
  RETURN_IF_ERROR(with.networks->detach(*attachment));
  pod.attachment.lock()->reset();
  pod.status.lock()->network_attached = false;
  return {};
}

Result<void> remove_pod_cgroup(Services& with, const PodRecord& record) {
  if (with.cgroups->exists(record.cgroup())) {
    RETURN_IF_ERROR(with.cgroups->kill(record.cgroup()));
    RETURN_IF_ERROR(with.cgroups->remove(record.cgroup(), kCgroupPatience));
  }
  if (record.owns_cgroup_parent) with.cgroups->remove_if_empty(record.cgroup_parent);
  return {};
}

Result<void> remove_container_cgroup(Services& with, const std::string& cgroup) {
  if (!with.cgroups->exists(cgroup)) return {};
  RETURN_IF_ERROR(with.cgroups->kill(cgroup));
  return with.cgroups->remove(cgroup, kCgroupPatience);
}

Result<void> tear_down_pod(Services& with, PodSandbox& pod) {
  const PodRecord& record = pod.record();
  FirstFailure failures;
  failures.add(detach_network(with, pod), "detach network");
  failures.add(end_shim(with, pod), "end shim");
  failures.add(runtime::unpin_namespace(with.layout.netns(record.id)), "unpin network namespace");
  failures.add(runtime::unmount_pod_tmpfs(with.layout.shm(record.id)), "unmount /dev/shm");
  failures.add(runtime::unmount_pod_tmpfs(with.layout.etc(record.id)), "unmount pod files");
  failures.add(remove_pod_cgroup(with, record), "remove pod cgroup");
  failures.add(remove_live_pod(with, record.id), "remove pod state");
  return std::move(failures).result();
}

Result<void> tear_down_container(Services& with, const ContainerRecord& record) {
  FirstFailure failures;
  failures.add(remove_container_cgroup(with, record.cgroup), "remove cgroup");
  failures.add(with.snapshots->remove(record.id), "remove root file system");
  release_image_volumes(with, record);
  auto gone = std::move(failures).result();
  if (!gone) return gone;  // the record stays: it is how the rest is found again
  return remove_tree(with.layout.container(record.id)).context("remove record");
}

}  // namespace berth::daemon
