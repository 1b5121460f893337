// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/records.hpp"

#include <google/protobuf/util/json_util.h>

#include <charconv>
#include <memory>

#include "base/atomic_file.hpp"
#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/json.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::daemon {
namespace {

constexpr std::size_t kRecordLimit = 16 << 20;  // a request of the largest size, written out

Result<Json> message_to_json(const google::protobuf::Message& message, std::string_view subject) {
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  const auto printed = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!printed.ok())
    return Error(Code::kInternal, cat("write ", subject, " as JSON: ", std::string(printed.message())));
  return parse_json(text, kRecordLimit, subject);
}

Result<void> message_from_json(const Json& json, google::protobuf::Message& message,
                               std::string_view subject) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // written by a newer version
  const auto parsed = google::protobuf::util::JsonStringToMessage(to_text(json), &message, options);
  if (!parsed.ok()) return Error(Code::kInternal, cat(subject, ": ", std::string(parsed.message())));
  return {};
}

/// JSON has no names for the fields of a newer kubelet. They count when a request comes again, so a
/// message that has any is stored in its own form as well.
std::string unknown_to_json(const google::protobuf::Message& message) {
  const std::unique_ptr<google::protobuf::Message> known(message.New());
  known->CopyFrom(message);
  known->DiscardUnknownFields();
  if (known->ByteSizeLong() == message.ByteSizeLong()) return {};
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : message.SerializeAsString()) {
    const auto byte = static_cast<unsigned char>(c);
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

/// Leaves `message` alone when `hex` is not one.
template <class Message>
void restore_unknown(std::string_view hex, Message& message) {
  std::string bytes;
  for (; hex.size() >= 2; hex.remove_prefix(2)) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + 2, value, 16);
    if (error != std::errc() || end != hex.data() + 2) return;
    bytes.push_back(static_cast<char>(value));
  }
  Message whole;
  if (bytes.empty() || !hex.empty() || !whole.ParseFromString(bytes)) return;
  message = std::move(whole);
}

/// nlohmann's value() throws on a value of another type; a torn or foreign file must not.
template <class T>
T get(const Json& json, const char* key, T fallback) {
  const auto at = json.find(key);
  if (at == json.end()) return fallback;
  if constexpr (std::is_same_v<T, std::string>) {
    return at->is_string() ? at->template get<std::string>() : fallback;
  } else if constexpr (std::is_same_v<T, bool>) {
    return at->is_boolean() ? at->template get<bool>() : fallback;
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    T list;
    if (!at->is_array()) return fallback;
    for (const auto& item : *at) {
      if (item.is_string()) list.push_back(item.template get<std::string>());
    }
    return list;
  } else {
    return at->is_number_integer() ? at->template get<T>() : fallback;
  }
}

Json object_at(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_object() ? *at : Json::object();
}

/// kNotFound is what was never written; every other failure is a file to quarantine.
Result<std::string> load_text(const std::string& path) {
  auto text = read_file(path, kRecordLimit);
  if (text || text.error().sys_errno() != ENOENT) return text;
  Error error = std::move(text).error();
  return error.recode(Code::kNotFound);
}

Result<Json> load(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, load_text(path));
  ASSIGN_OR_RETURN(Json json, parse_json(text, kRecordLimit, path));
  if (!json.is_object() || get<std::int64_t>(json, "schema", 0) != kRecordSchema) {
    return Error(Code::kInternal, cat(path, " has a schema that this version does not know"));
  }
  return json;
}

Result<void> store(const std::string& dir, const char* name, Json json) {
  json["schema"] = kRecordSchema;
  return write_file(cat(dir, "/", name), to_text(json), Durability::kAtomic);
}

/// Records make the object's directory; a status does not, or the late news of a removed object
/// would bring its directory back. kNotFound then.
Result<void> store_status(const std::string& dir, Json json) {
  auto stored = store(dir, "status.json", std::move(json));
  if (stored || stored.error().sys_errno() != ENOENT) return stored;
  Error error = std::move(stored).error();
  return error.recode(Code::kNotFound);
}

/// All but the configuration.
PodRecord read_pod_record(const Json& json) {
  PodRecord record;
  record.id = get<std::string>(json, "id", "");
  record.runtime_handler = get<std::string>(json, "runtime_handler", "");
  record.created_ns = get<std::int64_t>(json, "created_ns", 0);
  record.boot_id = get<std::string>(json, "boot_id", "");
  record.cgroup_parent = get<std::string>(json, "cgroup_parent", "");
  record.owns_cgroup_parent = get<bool>(json, "owns_cgroup_parent", false);
  record.host_network = get<bool>(json, "host_network", false);
  record.host_ipc = get<bool>(json, "host_ipc", false);
  record.share_pid = get<bool>(json, "share_pid", false);
  return record;
}

}  // namespace

Result<void> store_pod_record(const Layout& layout, const PodRecord& record) {
  ASSIGN_OR_RETURN(Json config, message_to_json(record.config, "the pod's configuration"));
  Json json{{"id", record.id},
            {"config", std::move(config)},
            {"runtime_handler", record.runtime_handler},
            {"created_ns", record.created_ns},
            {"boot_id", record.boot_id},
            {"cgroup_parent", record.cgroup_parent},
            {"owns_cgroup_parent", record.owns_cgroup_parent},
            {"host_network", record.host_network},
            {"host_ipc", record.host_ipc},
            {"share_pid", record.share_pid}};
  if (auto wire = unknown_to_json(record.config); !wire.empty()) json["config_wire"] = std::move(wire);
  RETURN_IF_ERROR(make_dirs(layout.pod(record.id), 0700));
  return store(layout.pod(record.id), "record.json", std::move(json));
}

Result<PodRecord> load_pod_record(const Layout& layout, const std::string& id) {
  const std::string path = cat(layout.pod(id), "/record.json");
  ASSIGN_OR_RETURN(const Json json, load(path));
  if (get<std::string>(json, "id", "") != id)
    return Error(Code::kInternal, cat(path, " is the record of another pod"));
  PodRecord record = read_pod_record(json);
  RETURN_IF_ERROR(message_from_json(object_at(json, "config"), record.config, path));
  restore_unknown(get<std::string>(json, "config_wire", ""), record.config);
  return record;
}

PodRecord salvage_pod_record(const Layout& layout, const std::string& id) {
  PodRecord record;
  auto text = load_text(cat(layout.pod(id), "/record.json"));
  auto json = text ? parse_json(*text, kRecordLimit, "a pod's record") : Result<Json>(text.error());
  if (json && json->is_object() && get<std::string>(*json, "id", "") == id) {
    record = read_pod_record(*json);
    if (!message_from_json(object_at(*json, "config"), record.config, "config")) record.config.Clear();
  }
  record.id = id;
  return record;
}

Result<void> store_pod_status(const Layout& layout, const PodSandbox& pod) {
  const PodStatus status = *pod.status.lock();
  return store_status(layout.pod(pod.id()), {{"ready", status.ready},
                                             {"reason", status.reason},
                                             {"ips", status.ips},
                                             {"network_attached", status.network_attached},
                                             {"torn_down", status.torn_down}});
}

Result<PodStatus> load_pod_status(const Layout& layout, const std::string& id) {
  ASSIGN_OR_RETURN(const Json json, load(cat(layout.pod(id), "/status.json")));
  PodStatus status;
  status.ready = get<bool>(json, "ready", false);
  status.reason = get<std::string>(json, "reason", "");
  status.ips = get<std::vector<std::string>>(json, "ips", {});
  status.network_attached = get<bool>(json, "network_attached", false);
  status.torn_down = get<bool>(json, "torn_down", false);
  return status;
}

Result<void> store_attachment(const Layout& layout, const std::string& pod_id,
                              const netcni::Attachment& attachment) {
  return write_file(cat(layout.pod(pod_id), "/attachment.json"), netcni::to_json(attachment),
                    Durability::kAtomic);
}

Result<netcni::Attachment> load_attachment(const Layout& layout, const std::string& pod_id) {
  ASSIGN_OR_RETURN(const std::string text, load_text(cat(layout.pod(pod_id), "/attachment.json")));
  return netcni::attachment_from_json(text).context(cat("read the attachment of pod ", pod_id));
}

Json to_json(const std::vector<ImageVolume>& volumes) {
  Json list = Json::array();
  for (const auto& volume : volumes) {
    list.push_back(
        {{"path", volume.container_path}, {"image_id", volume.image_id}, {"image_ref", volume.image_ref}});
  }
  return list;
}

std::vector<ImageVolume> image_volumes_from(const Json& record) {
  std::vector<ImageVolume> volumes;
  const Json list = record.value("image_volumes", Json::array());
  for (const Json& entry : list) {
    volumes.push_back({get<std::string>(entry, "path", ""), get<std::string>(entry, "image_id", ""),
                       get<std::string>(entry, "image_ref", "")});
  }
  return volumes;
}

Result<void> store_container_record(const Layout& layout, const ContainerRecord& record) {
  ASSIGN_OR_RETURN(Json config, message_to_json(record.config, "the container's configuration"));
  ASSIGN_OR_RETURN(Json user, message_to_json(record.user, "the container's user"));
  Json json{{"id", record.id},
            {"pod_id", record.pod_id},
            {"config", std::move(config)},
            {"created_ns", record.created_ns},
            {"boot_id", record.boot_id},
            {"cgroup", record.cgroup},
            {"image_id", record.image_id},
            {"image_ref", record.image_ref},
            {"image_name", record.image_name},
            {"log_path", record.log_path},
            {"stop_signal", record.stop_signal},
            {"image_volumes", to_json(record.image_volumes)},
            {"user", std::move(user)},
            {"plan_labels", record.plan_labels},
            {"create_cwd", record.spec.process.create_cwd},  // the OCI has no word for it
            {"spec", oci::to_json(record.spec)}};
  if (auto wire = unknown_to_json(record.config); !wire.empty()) json["config_wire"] = std::move(wire);
  RETURN_IF_ERROR(make_dirs(layout.container(record.id), 0700));
  return store(layout.container(record.id), "record.json", std::move(json));
}

Result<ContainerRecord> load_container_record(const Layout& layout, const std::string& id) {
  const std::string path = cat(layout.container(id), "/record.json");
  ASSIGN_OR_RETURN(const Json json, load(path));
  ContainerRecord record;
  record.id = get<std::string>(json, "id", "");
  if (record.id != id) return Error(Code::kInternal, cat(path, " is the record of another container"));
  RETURN_IF_ERROR(message_from_json(object_at(json, "config"), record.config, path));
  restore_unknown(get<std::string>(json, "config_wire", ""), record.config);
  RETURN_IF_ERROR(message_from_json(object_at(json, "user"), record.user, path));
  record.pod_id = get<std::string>(json, "pod_id", "");
  record.created_ns = get<std::int64_t>(json, "created_ns", 0);
  record.boot_id = get<std::string>(json, "boot_id", "");
  record.cgroup = get<std::string>(json, "cgroup", "");
  record.image_id = get<std::string>(json, "image_id", "");
  record.image_ref = get<std::string>(json, "image_ref", "");
  record.image_name = get<std::string>(json, "image_name", "");
  record.log_path = get<std::string>(json, "log_path", "");
  record.stop_signal = get<int>(json, "stop_signal", 15);
  record.image_volumes = image_volumes_from(json);
  record.plan_labels = get<std::vector<std::string>>(json, "plan_labels", {});
  // The intent of a container that was never compiled has no process: nothing to parse then.
  const Json spec = object_at(json, "spec");
  if (!object_at(spec, "process").value("args", Json::array()).empty()) {
    ASSIGN_OR_RETURN(record.spec, oci::parse_spec(to_text(spec)));
    record.spec.process.create_cwd = get<bool>(json, "create_cwd", true);
  }
  return record;
}

Result<void> store_container_status(const Layout& layout, const Container& container) {
  const ContainerStatus status = container.snapshot();
  ASSIGN_OR_RETURN(Json resources, message_to_json(status.resources, "the container's resources"));
  return store_status(layout.container(container.id()), {{"state", static_cast<int>(status.state)},
                                                         {"started_ns", status.started_ns},
                                                         {"finished_ns", status.finished_ns},
                                                         {"exit_code", status.exit_code},
                                                         {"reason", status.reason},
                                                         {"message", status.message},
                                                         {"pid", status.process.pid},
                                                         {"start_time", status.process.start_time},
                                                         {"resources", std::move(resources)}});
}

Result<ContainerStatus> load_container_status(const Layout& layout, const std::string& id) {
  const std::string path = cat(layout.container(id), "/status.json");
  ASSIGN_OR_RETURN(const Json json, load(path));
  ContainerStatus status;
  const int state = get<int>(json, "state", cri::CONTAINER_UNKNOWN);
  status.state =
      cri::ContainerState_IsValid(state) ? static_cast<cri::ContainerState>(state) : cri::CONTAINER_UNKNOWN;
  status.started_ns = get<std::int64_t>(json, "started_ns", 0);
  status.finished_ns = get<std::int64_t>(json, "finished_ns", 0);
  status.exit_code = get<std::int32_t>(json, "exit_code", 0);
  status.reason = get<std::string>(json, "reason", "");
  status.message = get<std::string>(json, "message", "");
  status.process.pid = get<pid_t>(json, "pid", 0);
  status.process.start_time = get<std::uint64_t>(json, "start_time", 0);
  RETURN_IF_ERROR(message_from_json(object_at(json, "resources"), status.resources, path));
  return status;
}

}  // namespace berth::daemon
