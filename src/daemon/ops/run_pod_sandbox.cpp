// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/run_pod_sandbox.hpp"

#include <google/protobuf/util/message_differencer.h>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "base/remove_tree.hpp"
#include "daemon/ops/creation.hpp"
#include "daemon/ops/events.hpp"
#include "daemon/ops/operation.hpp"
#include "daemon/ops/pod_cgroup.hpp"
#include "daemon/ops/pod_lifecycle.hpp"
#include "daemon/spec/pod_files.hpp"
#include "daemon/spec/user_namespace.hpp"
#include "daemon/spec/validate.hpp"
#include "daemon/state/records.hpp"
#include "runtime/namespaces.hpp"
#include "runtime/pod_shm.hpp"

namespace berth::daemon {
namespace {

Result<PodRecord> describe_pod(const Services& with, const cri::RunPodSandboxRequest& request) {
  PodRecord record;
  record.id = random_id();
  record.config = request.config();
  record.runtime_handler = request.runtime_handler();
  record.created_ns = now_ns();
  record.boot_id = with.boot_id;
  const auto& options = request.config().linux().security_context().namespace_options();
  record.host_network = options.network() == cri::NODE;
  record.host_ipc = options.ipc() == cri::NODE;
  record.share_pid = options.pid() == cri::POD;
  const std::string& parent = request.config().linux().cgroup_parent();
  ASSIGN_OR_RETURN(record.cgroup_parent, pod_cgroup_parent(with, parent, record.id));
  record.owns_cgroup_parent = parent.empty() || !with.cgroups->exists(record.cgroup_parent);
  return record;
}

runtime::PodNamespacesRequest namespaces_of(const Services& with, const PodRecord& record) {
  runtime::PodNamespacesRequest request;
  request.network = !record.host_network;
  request.ipc = !record.host_ipc;
  request.uts = !record.host_network;
  request.hostname = pod_hostname(record.config);
  request.network_pin = with.layout.netns(record.id);
  IdMaps maps = id_maps_of(record.config);
  for (const auto& [key, value] : record.config.linux().sysctls())
    request.sysctls[key] = sysctl_for_host(maps, key, value);
  request.uid_mappings = std::move(maps.uids);
  request.gid_mappings = std::move(maps.gids);
  return request;
}

/// Whom its files belong to.
runtime::FilesOwner root_of(const PodRecord& record) {
  const IdMaps maps = id_maps_of(record.config);
  if (!maps) return {};
  return {maps.uids.front().host_id, maps.gids.front().host_id};
}

Result<void> start_shim(Services& with, const PodRecord& record) {
  RETURN_IF_ERROR(make_dirs(with.layout.live_pod(record.id), 0700));
  return with.shim_binary->spawn(with.layout.live_pod(record.id), with.shim_log.get());
}

Result<void> create_pod_cgroup(Services& with, const PodRecord& record) {
  // Only the pause process lives in it; without one the containers' own groups are all there is.
  if (!record.share_pid) return {};
  return with.cgroups->create(record.cgroup(), {});
}

/// What ADD is about to use is stored first, so that a crash in the middle can still be undone.
Result<void> attach_network(Services& with, PodSandbox& pod) {
  if (pod.record().host_network) return {};
  auto announce = [&](const netcni::Attachment& planned) {
    return store_attachment(with.layout, pod.id(), planned);
  };
  ASSIGN_OR_RETURN(netcni::Attachment attachment,
                   with.networks->attach(attach_request(with, pod.record()), {}, announce));
  RETURN_IF_ERROR(store_attachment(with.layout, pod.id(), attachment));
  auto status = pod.status.lock();
  status->network_attached = true;
  status->ips = attachment.ips;
  *pod.attachment.lock() = std::move(attachment);
  return {};
}

Result<void> set_up_shim(Services& with, PodSandbox& pod, runtime::PodNamespaces namespaces) {
  ASSIGN_OR_RETURN(auto shim, connect_shim(with, pod.id()));
  runtime::ShimClient::PodSetup setup;
  setup.pod_id = pod.id();
  setup.network = std::move(namespaces.network);
  setup.ipc = std::move(namespaces.ipc);
  setup.uts = std::move(namespaces.uts);
  setup.user = std::move(namespaces.user);
  setup.share_pid = pod.record().share_pid;
  if (setup.share_pid) {
    ASSIGN_OR_RETURN(setup.pause_cgroup, with.cgroups->open_join(pod.record().cgroup()));
  }
  *pod.shim.lock() = shim;
  return shim->init_pod(std::move(setup), shim_deadline());
}

Result<std::string> create_pod(Services& with, const PodPtr& pod) {
  const PodRecord& record = pod->record();
  const auto namespaces_request = namespaces_of(with, record);
  RETURN_IF_ERROR(runtime::check_pod_sysctls(namespaces_request));
  const runtime::FilesOwner owner = root_of(record);
  Operation op("RunPodSandbox", record.id);

  RETURN_IF_ERROR(op.step("write record", [&] { return store_pod_record(with.layout, record); }));
  op.undo("remove record", [&] { return remove_tree(with.layout.pod(record.id)); });

  RETURN_IF_ERROR(op.step("start shim", [&] { return start_shim(with, record); }));
  op.undo("remove pod state", [&] { return remove_live_pod(with, record.id); });
  op.undo("end shim", [&] { return end_shim(with, *pod); });

  RETURN_IF_ERROR(op.step("create pod cgroup", [&] { return create_pod_cgroup(with, record); }));
  op.undo("remove pod cgroup", [&] { return remove_pod_cgroup(with, record); });

  ASSIGN_OR_RETURN(auto namespaces, op.step("create namespaces", [&] {
    return runtime::create_pod_namespaces(namespaces_request);
  }));
  op.undo("unpin network namespace", [&] { return runtime::unpin_namespace(with.layout.netns(record.id)); });

  RETURN_IF_ERROR(op.step("mount /dev/shm", [&] {
    return record.host_ipc ? Result<void>()
                           : runtime::mount_pod_shm(with.layout.shm(record.id), with.config.shm_size, owner);
  }));
  op.undo("unmount /dev/shm", [&] { return runtime::unmount_pod_tmpfs(with.layout.shm(record.id)); });

  RETURN_IF_ERROR(op.step("attach network", [&] { return attach_network(with, *pod); }));
  op.undo("detach network", [&] { return detach_network(with, *pod); });

  RETURN_IF_ERROR(op.step("mount pod files",
                          [&] { return runtime::mount_pod_files(with.layout.etc(record.id), owner); }));
  op.undo("unmount pod files", [&] { return runtime::unmount_pod_tmpfs(with.layout.etc(record.id)); });

  RETURN_IF_ERROR(op.step("write pod files", [&] {
    return write_pod_files(with.layout.etc(record.id), record.config, pod->status.lock()->ips, owner);
  }));
  RETURN_IF_ERROR(op.step("set up shim", [&] { return set_up_shim(with, *pod, std::move(namespaces)); }));

  pod->status.lock()->ready = true;
  RETURN_IF_ERROR(op.step("persist", [&] { return store_pod_status(with.layout, *pod); }));
  pod->unclaimed = true;
  with.pods.insert(pod);
  announce(with, pod);
  op.commit();
  log::info("pod sandbox ready", {{"pod", record.id}, {"name", pod->name_key()}});
  return record.id;
}

/// A pod of that name is there already, or another call was making it: the same one again, or a conflict.
Result<void> claim_existing(PodSandbox& pod, const Call& call, const cri::RunPodSandboxRequest& request) {
  const bool same = pod.record().runtime_handler == request.runtime_handler() &&
                    google::protobuf::util::MessageDifferencer::Equals(pod.record().config, request.config());
  auto status = pod.status.lock();  // no removal begins between the look and the claim
  if (same && status->ready) {
    claim(pod, call);
    return {};
  }
  return Error(Code::kAlreadyExists,
               cat("pod sandbox ", pod.id(), " already has this name, namespace, uid and attempt",
                   same ? " and is not ready" : " with another configuration", ": remove it first"));
}

}  // namespace

Result<void> run_pod_sandbox(Services& with, const Call& call, const cri::RunPodSandboxRequest& request,
                             cri::RunPodSandboxResponse& response) {
  RETURN_IF_ERROR(validate_pod(request.config()));
  if (!request.runtime_handler().empty() && !with.config.handlers.contains(request.runtime_handler())) {
    return Error(Code::kInvalidArgument,
                 cat("runtime_handler \"", request.runtime_handler(), "\" is not configured"));
  }
  if (id_maps_of(request.config())) RETURN_IF_ERROR(Result<void>(with.user_namespaces));
  auto id = create_or_join(
      with, with.pods, "pod", pod_name_key(request.config().metadata()), call,
      [&]() -> Result<std::string> {
        ASSIGN_OR_RETURN(PodRecord record, describe_pod(with, request));
        return create_pod(with, std::make_shared<PodSandbox>(std::move(record)));
      },
      [&](PodSandbox& existing) { return claim_existing(existing, call, request); });
  if (!id)
    return std::move(id).error().add_context(
        cat("run pod sandbox \"", request.config().metadata().name(), "\""));
  response.set_pod_sandbox_id(*id);
  return {};
}

}  // namespace berth::daemon
