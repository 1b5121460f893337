// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/spec_json.hpp"

#include "runtime/oci/json_put.hpp"
#include "runtime/oci/spec_parse.hpp"

namespace berth::oci {
namespace {

void put_object(Json& object, const char* key, Json value) {
  if (!value.empty()) object[key] = std::move(value);
}

template <class Values, class Convert>
void put_each(Json& object, const char* key, const Values& values, Convert convert) {
  for (const auto& value : values) object[key].push_back(convert(value));
}

Json user_json(const User& user) {
  Json out = {{"uid", user.uid}, {"gid", user.gid}};
  put(out, "umask", user.umask);
  put_list(out, "additionalGids", user.additional_gids);
  return out;
}

Json capabilities_json(const Capabilities& sets) {
  Json out = Json::object();
  put_list(out, "bounding", sets.bounding);
  put_list(out, "effective", sets.effective);
  put_list(out, "permitted", sets.permitted);
  put_list(out, "inheritable", sets.inheritable);
  put_list(out, "ambient", sets.ambient);
  return out;
}

Json mount_json(const Mount& mount) {
  Json out = {{"destination", mount.destination}};
  put_list(out, "type", mount.type);
  put_list(out, "source", mount.source);
  put_list(out, "options", mount.options);
  put_object(out, "uidMappings", id_mappings_json(mount.uid_mappings));
  put_object(out, "gidMappings", id_mappings_json(mount.gid_mappings));
  return out;
}

Json namespace_json(const Namespace& entry) {
  Json out = {{"type", std::string(namespace_type_name(entry.type))}};
  put_list(out, "path", entry.path);
  return out;
}

Json device_json(const Device& device) {
  Json out = {{"path", device.path},   {"type", std::string(1, device.type)},
              {"major", device.major}, {"minor", device.minor},
              {"uid", device.uid},     {"gid", device.gid}};
  put(out, "fileMode", device.file_mode);
  return out;
}

Json seccomp_rule_json(const SeccompRule& rule) {
  Json out = {{"names", rule.names}, {"action", rule.action}};
  put(out, "errnoRet", rule.errno_ret);
  put_each(out, "args", rule.args, [](const SeccompArg& arg) {
    return Json{{"index", arg.index}, {"value", arg.value}, {"valueTwo", arg.value_two}, {"op", arg.op}};
  });
  return out;
}

Json linux_json(const Linux& linux_) {
  Json out = Json::object();
  put_each(out, "namespaces", linux_.namespaces, namespace_json);
  put_each(out, "devices", linux_.devices, device_json);
  put_list(out, "cgroupsPath", linux_.cgroups_path);
  put_object(out, "resources", to_json(linux_.resources));
  if (linux_.seccomp) out["seccomp"] = to_json(*linux_.seccomp);
  put_list(out, "rootfsPropagation", linux_.rootfs_propagation);
  put_list(out, "maskedPaths", linux_.masked_paths);
  put_list(out, "readonlyPaths", linux_.readonly_paths);
  put_list(out, "sysctl", linux_.sysctl);
  put_list(out, "mountLabel", linux_.mount_label);
  put_extras(linux_, out);
  return out;
}

Json hook_json(const Hook& hook) {
  Json out = {{"path", hook.path}};
  put_list(out, "args", hook.args);
  put(out, "env", hook.env);
  put(out, "timeout", hook.timeout);
  return out;
}

Json hooks_json(const Hooks& hooks) {
  Json out = Json::object();
  put_each(out, "prestart", hooks.prestart, hook_json);
  put_each(out, "createRuntime", hooks.create_runtime, hook_json);
  put_each(out, "createContainer", hooks.create_container, hook_json);
  put_each(out, "startContainer", hooks.start_container, hook_json);
  put_each(out, "poststart", hooks.poststart, hook_json);
  put_each(out, "poststop", hooks.poststop, hook_json);
  return out;
}

}  // namespace

Json to_json(const Seccomp& seccomp) {
  Json out = {{"defaultAction", seccomp.default_action}};
  put(out, "defaultErrnoRet", seccomp.default_errno_ret);
  put_list(out, "architectures", seccomp.architectures);
  // Here empty differs from absent: without the member the runtime chooses.
  put(out, "flags", seccomp.flags);
  put_list(out, "listenerPath", seccomp.listener_path);
  put_list(out, "listenerMetadata", seccomp.listener_metadata);
  put_each(out, "syscalls", seccomp.syscalls, seccomp_rule_json);
  return out;
}

Json to_json(const Process& process) {
  Json out = {{"user", user_json(process.user)}, {"args", process.args}, {"cwd", process.cwd}};
  if (process.terminal) out["terminal"] = true;
  if (process.console_size)
    out["consoleSize"] = {{"height", process.console_size->height}, {"width", process.console_size->width}};
  put_list(out, "env", process.env);
  if (process.capabilities) out["capabilities"] = capabilities_json(*process.capabilities);
  put_each(out, "rlimits", process.rlimits, [](const Rlimit& limit) {
    return Json{{"type", limit.type}, {"soft", limit.soft}, {"hard", limit.hard}};
  });
  if (process.no_new_privileges) out["noNewPrivileges"] = true;
  put(out, "oomScoreAdj", process.oom_score_adj);
  put_list(out, "apparmorProfile", process.apparmor_profile);
  put_list(out, "selinuxLabel", process.selinux_label);
  put_scheduling(process, out);
  return out;
}

Json to_json(const Spec& spec) {
  Json out = {{"ociVersion", spec.oci_version}, {"process", to_json(spec.process)}};
  out["root"] = {{"path", spec.root.path}, {"readonly", spec.root.readonly}};
  put_list(out, "hostname", spec.hostname);
  put_list(out, "domainname", spec.domainname);
  put_each(out, "mounts", spec.mounts, mount_json);
  put_list(out, "annotations", spec.annotations);
  put_object(out, "linux", linux_json(spec.linux_));
  put_object(out, "hooks", hooks_json(spec.hooks));
  return out;
}

}  // namespace berth::oci
