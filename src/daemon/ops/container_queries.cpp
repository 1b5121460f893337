// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/container_queries.hpp"

#include "base/json.hpp"
#include "daemon/ops/pod_queries.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"
#include "daemon/spec/stop_signal.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::daemon {
namespace {

bool matches(const cri::ContainerFilter& filter, const Container& container, cri::ContainerState state) {
  if (!filter.id().empty() && !container.id().starts_with(filter.id())) return false;
  if (!filter.pod_sandbox_id().empty() && !container.record().pod_id.starts_with(filter.pod_sandbox_id()))
    return false;
  if (filter.has_state() && filter.state().state() != state) return false;
  return labels_match(filter.label_selector(), container.record().config.labels());
}

template <class Message>
void fill_common(const ContainerRecord& record, Message& out) {
  out.set_id(record.id);
  *out.mutable_metadata() = record.config.metadata();
  out.set_created_at(record.created_ns);
  *out.mutable_labels() = record.config.labels();
  *out.mutable_annotations() = record.config.annotations();
  *out.mutable_image() = record.config.image();
  out.mutable_image()->set_image(record.image_name);
  out.set_image_ref(record.image_ref);
  out.set_image_id(record.image_id);
}

/// All of its entry in a list but the state.
std::string to_list_entry(const ContainerRecord& record) {
  cri::Container entry;
  fill_common(record, entry);
  entry.set_pod_sandbox_id(record.pod_id);
  return entry.SerializeAsString();
}

constexpr std::size_t kStateBytes = 2;

/// The field of cri::Container: a key and a value below 128, each one byte; 0 is left out, as proto3 does.
void append_state(cri::ContainerState state, std::string& entry) {
  if (state == 0) return;
  entry.push_back(static_cast<char>(cri::Container::kStateFieldNumber << 3U));
  entry.push_back(static_cast<char>(state));
}

Json verbose_info(const Container& container, const ContainerStatus& status) {
  const ContainerRecord& record = container.record();
  Json info;
  info["sandboxID"] = record.pod_id;
  info["pid"] = status.state == cri::CONTAINER_EXITED ? 0 : status.process.pid;
  info["cgroup"] = record.cgroup;
  info["runtimeSpec"] = oci::to_json(record.spec);
  return info;
}

}  // namespace

Result<void> list_containers(Services& with, const Call&, const cri::ListContainersRequest& request,
                             cri::ListContainersResponse& response) {
  // Serialised once for its life: to copy the messages into each answer cost ten times the rest. The
  // bytes enter as a field that the response does not know, which looks the same on the wire.
  auto* fields = response.GetReflection()->MutableUnknownFields(&response);
  for (const auto& container : with.containers.list()) {
    const auto state = container->status.lock()->state;
    if (!matches(request.filter(), *container, state)) continue;
    const std::string& entry = container->list_entry(to_list_entry);
    std::string* item = fields->AddLengthDelimited(cri::ListContainersResponse::kContainersFieldNumber);
    item->reserve(entry.size() + kStateBytes);
    item->append(entry);
    append_state(state, *item);
  }
  return {};
}

Result<void> container_status(Services& with, const Call&, const cri::ContainerStatusRequest& request,
                              cri::ContainerStatusResponse& response) {
  ASSIGN_OR_RETURN(const ContainerPtr container, with.containers.find(request.container_id()));
  fill_container_status(*container, *response.mutable_status());
  if (request.verbose())
    (*response.mutable_info())["info"] = to_text(verbose_info(*container, container->snapshot()));
  return {};
}

void fill_container_status(const Container& container, cri::ContainerStatus& out) {
  const ContainerRecord& record = container.record();
  const ContainerStatus now = container.snapshot();
  fill_common(record, out);
  out.set_state(now.state);
  out.set_started_at(now.started_ns);
  out.set_finished_at(now.finished_ns);
  out.set_exit_code(now.exit_code);
  out.set_reason(now.reason);
  out.set_message(now.message);
  *out.mutable_mounts() = record.config.mounts();
  for (auto& mount : *out.mutable_mounts()) {
    for (const ImageVolume& volume : record.image_volumes) {
      if (volume.container_path == mount.container_path())
        mount.mutable_image()->set_image_ref(volume.image_ref);
    }
  }
  out.set_log_path(record.log_path);
  *out.mutable_resources()->mutable_linux() = now.resources;
  *out.mutable_user() = record.user;
  out.set_stop_signal(to_cri_signal(record.stop_signal));
}

void fill_container_statuses(const Services& with, const std::string& pod_id,
                             google::protobuf::RepeatedPtrField<cri::ContainerStatus>& out) {
  for (const auto& container : containers_of(with, pod_id)) fill_container_status(*container, *out.Add());
}

}  // namespace berth::daemon
