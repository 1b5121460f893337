// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/spec_json.hpp"
#include "runtime/oci/spec_parse.hpp"

namespace berth::oci {
namespace {

struct NamespaceName {
  NamespaceType type;
  std::string_view name;
};
constexpr NamespaceName kNamespaces[] = {
    {NamespaceType::kPid, "pid"},       {NamespaceType::kNetwork, "network"}, {NamespaceType::kIpc, "ipc"},
    {NamespaceType::kUts, "uts"},       {NamespaceType::kMount, "mount"},     {NamespaceType::kUser, "user"},
    {NamespaceType::kCgroup, "cgroup"}, {NamespaceType::kTime, "time"},
};

void read_namespace(ObjectReader& from, std::vector<Namespace>& out) {
  std::string type;
  Namespace entry{};
  from.read("type", type);
  from.read("path", entry.path);
  for (const NamespaceName& known : kNamespaces) {
    if (known.name != type) continue;
    entry.type = known.type;
    return out.push_back(std::move(entry));
  }
  from.fail("type", "is not a namespace type");
}

/// A one-letter member: "c" of a device, "a" of a rule.
void read_letter(ObjectReader& from, std::string_view key, char& out) {
  std::string text;
  from.read(key, text);
  if (text.size() == 1) {
    out = text.front();
  } else if (from.has(key)) {
    from.fail(key, "is not one letter");
  }
}

void read_device(ObjectReader& from, Device& out) {
  from.read("path", out.path);
  read_letter(from, "type", out.type);
  from.read("major", out.major);
  from.read("minor", out.minor);
  from.read("fileMode", out.file_mode);
  from.read("uid", out.uid);
  from.read("gid", out.gid);
}

}  // namespace

std::string_view namespace_type_name(NamespaceType type) {
  for (const NamespaceName& known : kNamespaces) {
    if (known.type == type) return known.name;
  }
  return "unknown";
}

void read_seccomp_rule(ObjectReader& from, SeccompRule& out) {
  from.read("names", out.names);
  from.read("action", out.action);
  from.read("errnoRet", out.errno_ret);
  from.each("args", [&](ObjectReader& arg) {
    SeccompArg& entry = out.args.emplace_back();
    arg.read("index", entry.index);
    arg.read("value", entry.value);
    arg.read("valueTwo", entry.value_two);
    arg.read("op", entry.op);
  });
}

void read_seccomp(ObjectReader& from, Seccomp& out) {
  from.read("defaultAction", out.default_action);
  from.read("defaultErrnoRet", out.default_errno_ret);
  from.read("architectures", out.architectures);
  from.read("flags", out.flags);
  from.read("listenerPath", out.listener_path);
  from.read("listenerMetadata", out.listener_metadata);
  from.each("syscalls", [&](ObjectReader& rule) { read_seccomp_rule(rule, out.syscalls.emplace_back()); });
}

void read_linux(ObjectReader& from, Linux& out) {
  from.each("namespaces", [&](ObjectReader& entry) { read_namespace(entry, out.namespaces); });
  from.each("devices", [&](ObjectReader& device) { read_device(device, out.devices.emplace_back()); });
  from.read("cgroupsPath", out.cgroups_path);
  from.object("resources", [&](ObjectReader& resources) { read_resources(resources, out.resources); });
  from.object("seccomp", [&](ObjectReader& seccomp) { read_seccomp(seccomp, out.seccomp.emplace()); });
  from.read("rootfsPropagation", out.rootfs_propagation);
  from.read("maskedPaths", out.masked_paths);
  from.read("readonlyPaths", out.readonly_paths);
  from.read("sysctl", out.sysctl);
  read_linux_extras(from, out);
  from.read("mountLabel", out.mount_label);
}

}  // namespace berth::oci
