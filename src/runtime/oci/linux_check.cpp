// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/linux_check.hpp"

#include <algorithm>
#include <string>

#include "base/cat.hpp"
#include "runtime/oci/id_mappings.hpp"
#include "runtime/oci/scheduling.hpp"
#include "runtime/oci/spec_json.hpp"
#include "runtime/sysctl_keys.hpp"

namespace berth::oci {
namespace {

constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ without its NUL
constexpr std::uint32_t kNanosecondsPerSecond = 1'000'000'000;

Error wrong(std::string_view field, std::string_view value, std::string_view problem) {
  return Error(Code::kInvalidArgument, cat(field, ": \"", value, "\" ", problem));
}

/// What the kernel takes as a name, without the patterns that let it choose: addresses are set by name.
Result<void> check_interface(std::string_view field, std::string_view name) {
  if (name.empty() || name.size() > kMaxInterfaceName || name == "." || name == "..")
    return wrong(field, name, "is not the name of a network device");
  for (const char c : name) {
    if (c <= ' ' || c == '/' || c == ':' || c == '%' || c == 0x7f)
      return wrong(field, name.substr(0, kMaxInterfaceName), "is not the name of a network device");
  }
  return {};
}

Result<void> check_net_devices(const Linux& linux_) {
  if (linux_.net_devices.empty()) return {};
  if (find_namespace(linux_, NamespaceType::kNetwork) == nullptr)
    return wrong("linux.netDevices", linux_.net_devices.begin()->first, "needs a network namespace");
  for (const auto& [name, renamed] : linux_.net_devices) {
    RETURN_IF_ERROR(check_interface("linux.netDevices", name));
    if (!renamed.empty()) RETURN_IF_ERROR(check_interface("linux.netDevices.name", renamed));
    const auto same = [&, &own = name](const auto& other) {
      return other.first != own && !other.second.empty() && other.second == linux_.net_devices.at(own);
    };
    if (std::any_of(linux_.net_devices.begin(), linux_.net_devices.end(), same))
      return wrong("linux.netDevices.name", renamed, "is given to two devices");
  }
  return {};
}

Result<void> check_time(const Linux& linux_) {
  if (linux_.time_offsets.empty()) return {};
  const Namespace* time = find_namespace(linux_, NamespaceType::kTime);
  if (time == nullptr || !time->path.empty())
    return wrong("linux.timeOffsets", linux_.time_offsets.begin()->first, "needs a new time namespace");
  for (const auto& [clock, offset] : linux_.time_offsets) {
    if (clock != "monotonic" && clock != "boottime")
      return wrong("linux.timeOffsets", clock, "is not a clock that a time namespace shifts");
    if (offset.nanoseconds >= kNanosecondsPerSecond) {
      return wrong("linux.timeOffsets.nanosecs", std::to_string(offset.nanoseconds), "is a second or more");
    }
  }
  return {};
}

Result<void> check_rdt(const IntelRdt& rdt) {
  const std::string& id = rdt.clos_id;
  const bool dots = id == "." || id == "..";
  const bool slash = id != "/" && id.find('/') != std::string::npos;
  if (dots || slash || id.find('\0') != std::string::npos || id.find('\n') != std::string::npos)
    return wrong("linux.intelRdt.closID", id, "is not the name of a directory");
  for (const std::string& line : rdt.schemata) {
    if (line.find('\n') != std::string::npos)
      return wrong("linux.intelRdt.schemata", line, "is more than one line");
  }
  return {};
}

Result<void> check_agent(const Seccomp& seccomp) {
  if (seccomp.listener_path.empty()) {
    if (seccomp.listener_metadata.empty()) return {};
    return wrong("linux.seccomp.listenerMetadata", seccomp.listener_metadata, "needs a listenerPath");
  }
  constexpr std::size_t kMaxSocketPath = 107;
  const bool valid = seccomp.listener_path.front() == '/' && seccomp.listener_path.size() <= kMaxSocketPath &&
                     seccomp.listener_path.find('\0') == std::string::npos;
  if (!valid)
    return wrong("linux.seccomp.listenerPath", seccomp.listener_path, "is not the path of a socket");
  return {};
}

bool is_id_mapped(const Mount& mount) {
  const auto asks = [](const std::string& option) { return option == "idmap" || option == "ridmap"; };
  return !mount.uid_mappings.empty() || !mount.gid_mappings.empty() ||
         std::any_of(mount.options.begin(), mount.options.end(), asks);
}

}  // namespace

const Namespace* find_namespace(const Linux& linux_, NamespaceType type) {
  for (const Namespace& entry : linux_.namespaces) {
    if (entry.type == type) return &entry;
  }
  return nullptr;
}

Result<void> check_user_namespace(const Spec& spec) {
  const Linux& linux_ = spec.linux_;
  RETURN_IF_ERROR(check_id_mappings("linux.uidMappings", linux_.uid_mappings));
  RETURN_IF_ERROR(check_id_mappings("linux.gidMappings", linux_.gid_mappings));
  const Namespace* user = find_namespace(linux_, NamespaceType::kUser);
  const bool mapped = !linux_.uid_mappings.empty() && !linux_.gid_mappings.empty();
  if (user == nullptr) {
    if (linux_.uid_mappings.empty() && linux_.gid_mappings.empty()) return {};
    return Error(Code::kInvalidArgument, "linux.uidMappings and gidMappings need a user namespace");
  }
  if (!mapped && user->path.empty())
    return Error(Code::kInvalidArgument, "a new user namespace needs linux.uidMappings and gidMappings");
  // Of a namespace that exists the kernel knows better.
  if (!user->path.empty()) return {};
  const User& ids = spec.process.user;
  const auto check = [](std::string_view field, const std::vector<IdMapping>& map, std::uint32_t id) {
    if (host_id(map, id)) return Result<void>();
    return Result<void>(wrong(field, std::to_string(id), "is not mapped in the container's user namespace"));
  };
  RETURN_IF_ERROR(check("process.user.uid", linux_.uid_mappings, ids.uid));
  RETURN_IF_ERROR(check("process.user.gid", linux_.gid_mappings, ids.gid));
  for (const std::uint32_t gid : ids.additional_gids)
    RETURN_IF_ERROR(check("process.user.additionalGids", linux_.gid_mappings, gid));
  return {};
}

Result<void> check_extras(const Linux& linux_) {
  RETURN_IF_ERROR(check_time(linux_));
  RETURN_IF_ERROR(check_net_devices(linux_));
  if (linux_.personality) RETURN_IF_ERROR(personality_value(*linux_.personality));
  if (linux_.memory_policy) RETURN_IF_ERROR(memory_policy_words(*linux_.memory_policy));
  if (linux_.intel_rdt) RETURN_IF_ERROR(check_rdt(*linux_.intel_rdt));
  if (linux_.seccomp) RETURN_IF_ERROR(check_agent(*linux_.seccomp));
  return {};
}

Result<void> check_sysctls(const Linux& linux_) {
  for (const auto& [key, value] : linux_.sysctl) {
    RETURN_IF_ERROR(runtime::check_sysctl_form(key, value).context("linux.sysctl"));
    const auto owner = runtime::sysctl_owner(key);
    if (!owner) {
      return runtime::sysctl_refusal(key, value, "it does not belong to a namespace of the container")
          .add_context("linux.sysctl");
    }
    if (find_namespace(linux_, *owner) == nullptr) {
      return runtime::sysctl_refusal(
                 key, value,
                 cat("it needs a ", namespace_type_name(*owner), " namespace of the container's own"))
          .add_context("linux.sysctl");
    }
  }
  return {};
}

Result<void> check_mount_mappings(const Mount& mount, const std::string& field, const Linux& linux_) {
  if (!is_id_mapped(mount)) return {};
  RETURN_IF_ERROR(check_id_mappings(field + ".uidMappings", mount.uid_mappings));
  RETURN_IF_ERROR(check_id_mappings(field + ".gidMappings", mount.gid_mappings));
  if (mount.uid_mappings.empty() != mount.gid_mappings.empty())
    return wrong(field, mount.destination, "has uidMappings or gidMappings and not the other");
  const bool bind = mount.type == "bind" ||
                    std::any_of(mount.options.begin(), mount.options.end(), [](const std::string& option) {
                      return option == "bind" || option == "rbind";
                    });
  if (!bind) return wrong(field, mount.destination, "is no bind mount, and only those are id-mapped");
  const bool own = find_namespace(linux_, NamespaceType::kUser) != nullptr;
  if (mount.uid_mappings.empty() && !own)
    return wrong(field, mount.destination, "is id-mapped without mappings and without a user namespace");
  return {};
}

}  // namespace berth::oci
