// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/create_container.hpp"

#include <google/protobuf/util/message_differencer.h>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/remove_tree.hpp"
#include "daemon/ops/container_launch.hpp"
#include "daemon/ops/creation.hpp"
#include "daemon/ops/events.hpp"
#include "daemon/ops/exit_events.hpp"
#include "daemon/ops/image_policy.hpp"
#include "daemon/ops/image_volumes.hpp"
#include "daemon/ops/operation.hpp"
#include "daemon/ops/pod_lifecycle.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"
#include "daemon/spec/stop_signal.hpp"
#include "daemon/spec/user_namespace.hpp"
#include "daemon/spec/validate.hpp"
#include "daemon/state/records.hpp"
#include "runtime/cgroup/delegation.hpp"
#include "runtime/namespaces_user.hpp"
#include "runtime/oci/id_mappings.hpp"

namespace berth::daemon {
namespace {

ContainerRecord describe_container(const Services& with, const PodSandbox& pod, const image::Image& image,
                                   const cri::CreateContainerRequest& request) {
  ContainerRecord record;
  record.id = random_id();
  record.pod_id = pod.id();
  record.config = request.config();
  record.created_ns = now_ns();
  record.boot_id = with.boot_id;
  record.cgroup = cgroup_of(pod.record().cgroup_parent, record.id);
  record.image_id = image.id;
  record.image_ref = image.repo_digests.empty() ? image.id : image.repo_digests.front();
  const std::string& asked = request.config().image().user_specified_image();
  record.image_name = asked.empty() ? request.config().image().image() : asked;
  if (const auto& name = request.config().image().image();
      image.id.ends_with(name) && asked.empty() && !image.repo_tags.empty()) {
    record.image_name = image.repo_tags.front();  // it was named by its ID
  }
  const std::string& log_directory = pod.record().config.log_directory();
  if (!log_directory.empty() && !request.config().log_path().empty()) {
    record.log_path = cat(log_directory, "/", request.config().log_path());
  }
  record.stop_signal = effective_stop_signal(request.config(), image.config.stop_signal);
  return record;
}

Result<void> create_container_cgroup(Services& with, const ContainerRecord& record) {
  RETURN_IF_ERROR(with.cgroups->create(record.cgroup, record.spec.linux_.resources));
  if (!runtime::cgroup::is_delegated(record.spec)) return {};
  const std::uint32_t uid = record.spec.process.user.uid;
  auto given =
      with.cgroups->delegate(record.cgroup, oci::host_id(record.spec.linux_.uid_mappings, uid).value_or(uid));
  if (!given) (void)remove_container_cgroup(with, record.cgroup);
  return given;
}

/// In a pod with a user namespace its files look as they do in the image.
Result<UniqueFd> prepare_rootfs(Services& with, const PodRecord& pod, const std::string& id,
                                const image::Image& image) {
  const IdMaps maps = id_maps_of(pod.config);
  if (!maps) return with.snapshots->prepare(id, image);
  ASSIGN_OR_RETURN(const UniqueFd user,
                   runtime::make_user_namespace(oci::id_map_text(maps.uids), oci::id_map_text(maps.gids)));
  return with.snapshots->prepare(id, image, user.get());
}

Result<std::string> create(Services& with, const PodPtr& pod, const image::ImagePtr& image,
                           ContainerRecord record) {
  const std::string id = record.id;
  Operation op("CreateContainer", id);

  RETURN_IF_ERROR(op.step("write intent", [&] { return store_container_record(with.layout, record); }));
  op.undo("remove record", [&] { return remove_tree(with.layout.container(id)); });

  ASSIGN_OR_RETURN(UniqueFd rootfs, op.step("prepare rootfs",
                                            [&] { return prepare_rootfs(with, pod->record(), id, *image); }));
  op.undo("remove rootfs", [&] { return with.snapshots->remove(id); });

  ASSIGN_OR_RETURN(ImageTrees volumes, op.step("mount image volumes", [&] {
    return mount_image_volumes(with, pod->record(), record);
  }));
  op.undo("release image volumes", [&] {
    release_image_volumes(with, record);
    return Result<void>();
  });

  ASSIGN_OR_RETURN(CompiledContainer compiled, op.step("compile plan", [&] {
    return compile_launch(with, pod->record(), *image, rootfs.get(), std::move(volumes), record);
  }));

  RETURN_IF_ERROR(op.step("create cgroup", [&] { return create_container_cgroup(with, record); }));
  op.undo("remove cgroup", [&] { return remove_container_cgroup(with, record.cgroup); });

  ASSIGN_OR_RETURN(ContainerLog log,
                   op.step("open log directory", [&] { return open_container_log(record); }));
  op.undo("remove log", [&] { return log.remove_if_new(); });

  ASSIGN_OR_RETURN(ProcessId process, op.step("launch", [&] {
    return launch_container(with, *pod, record, std::move(compiled.plan), std::move(rootfs), log);
  }));
  // Killing the cgroup ends it; the shim forgets it when it has been reaped.
  op.undo("forget process", [&] { return forget_container(with, *pod, record); });

  auto container = std::make_shared<Container>(std::move(record));
  *container->seccomp.lock() = std::move(compiled.seccomp);
  {
    auto status = container->status.lock();
    status->process = process;
    status->resources = container->record().config.linux().resources();
  }
  RETURN_IF_ERROR(
      op.step("write record", [&] { return store_container_record(with.layout, container->record()); }));
  RETURN_IF_ERROR(op.step("persist", [&] { return store_container_status(with.layout, *container); }));
  container->unclaimed = true;
  with.containers.insert(container);
  announce(with, container);
  op.commit();
  if (auto exit = with.stray_exits.take(id)) apply_exit(with, container, *exit);
  return id;
}

/// A container of that name is there already, or another call was making it.
Result<void> claim_existing(Container& container, const Call& call,
                            const cri::CreateContainerRequest& request) {
  const bool same =
      google::protobuf::util::MessageDifferencer::Equals(container.record().config, request.config());
  if (same && container.snapshot().state == cri::CONTAINER_CREATED) {
    claim(container, call);
    return {};
  }
  return Error(Code::kAlreadyExists,
               cat("container ", container.id(), " already has this name and attempt",
                   same ? " and has been started" : " with another configuration", ": remove it first"));
}

std::string story(const cri::CreateContainerRequest& request) {
  return cat("create container \"", request.config().metadata().name(), "\"");
}

Result<std::string> create_new(Services& with, const PodPtr& pod,
                               const cri::CreateContainerRequest& request) {
  const image::ImagePtr image = with.images->find(request.config().image().image());
  if (!image) {
    return Error(Code::kNotFound,
                 cat("image \"", request.config().image().image(), "\" is not on this node: pull it first"));
  }
  if (auto trusted = check_trust(with, pod->record(), *image, request.config().image()); !trusted)
    return name_refusal(std::move(trusted).error().add_context(story(request)));
  // The work outlives its caller, so the lease is waited for without the caller's patience.
  ASSIGN_OR_RETURN(auto lease, with.leases.acquire(pod_lease(pod->id()), shim_deadline(), {}));
  if (!pod->status.lock()->ready)
    return Error(Code::kFailedPrecondition, cat("pod sandbox ", pod->id(), " is not ready"));
  pod->unclaimed = false;
  auto made = create(with, pod, image, describe_container(with, *pod, *image, request));
  if (made || made.error().code() != Code::kUnknown) return made;
  return std::move(made).error().add_context(story(request)).add_context("ImageVolumeMountFailed");
}

}  // namespace

Result<void> create_container(Services& with, const Call& call, const cri::CreateContainerRequest& request,
                              cri::CreateContainerResponse& response) {
  RETURN_IF_ERROR(validate_container(request.config()));
  ASSIGN_OR_RETURN(const PodPtr pod, with.pods.find(request.pod_sandbox_id()));
  const std::string name = container_name_key(pod->id(), request.config().metadata());
  auto id = create_or_join(
      with, with.containers, "container", name, call, [&] { return create_new(with, pod, request); },
      [&](Container& existing) { return claim_existing(existing, call, request); });
  if (!id) {
    Error error = std::move(id).error();
    // What the kubelet reads begins with a word for it.
    if (error.code() != Code::kUnknown) error.add_context(story(request));
    return error;
  }
  response.set_container_id(*id);
  return {};
}

}  // namespace berth::daemon
