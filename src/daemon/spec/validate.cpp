// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/validate.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/cat.hpp"
#include "daemon/spec/user_namespace.hpp"
#include "runtime/oci/id_mappings.hpp"

namespace berth::daemon {
namespace {

Error invalid(std::string_view field, std::string_view value, std::string_view why) {
  return Error(Code::kInvalidArgument, cat(field, " \"", value, "\" ", why));
}

bool has_control(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

bool climbs(std::string_view path) {
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (path.substr(0, slash) == "..") return true;
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return false;
}

/// "/", "//", "/./": nothing but slashes and single dots between them.
bool is_root(std::string_view path) {
  while (!path.empty()) {
    const auto part = path.substr(0, path.find('/'));
    if (!part.empty() && part != ".") return false;
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return true;
}

Result<void> check_absolute(std::string_view field, const std::string& path) {
  if (path.empty()) return Error(Code::kInvalidArgument, cat(field, " is empty"));
  if (path[0] != '/') return invalid(field, path, "is not an absolute path");
  if (climbs(path)) return invalid(field, path, "contains \"..\"");
  if (path.find('\0') != std::string::npos) return invalid(field, path, "contains a NUL byte");
  if (path.size() >= 4096) return Error(Code::kInvalidArgument, cat(field, " is longer than 4095 bytes"));
  return {};
}

/// Names end up in /etc/hosts, CNI arguments and log fields.
Result<void> check_name(std::string_view field, const std::string& name) {
  if (name.empty()) return Error(Code::kInvalidArgument, cat(field, " is empty"));
  if (name.size() > 253) return Error(Code::kInvalidArgument, cat(field, " is longer than 253 bytes"));
  if (has_control(name) || name.find('/') != std::string::npos) {
    return invalid(field, name, "contains a slash or a control character");
  }
  return {};
}

Result<void> check_port(const cri::PortMapping& port) {
  // proto3 lets any number through as an enum.
  if (!cri::Protocol_IsValid(port.protocol())) {
    return invalid("port_mappings.protocol", std::to_string(port.protocol()), "is unknown");
  }
  auto in_range = [](std::int32_t value) { return value >= 0 && value <= 65535; };
  if (port.container_port() < 1 || !in_range(port.container_port())) {
    return invalid("port_mappings.container_port", std::to_string(port.container_port()),
                   "is not in 1-65535");
  }
  if (!in_range(port.host_port())) {
    return invalid("port_mappings.host_port", std::to_string(port.host_port()), "is not in 0-65535");
  }
  if (has_control(port.host_ip()))
    return invalid("port_mappings.host_ip", port.host_ip(), "is not an address");
  return {};
}

/// Of a pod or a container: the two messages have the same fields.
template <class SecurityContext>
Result<void> check_user_ids(std::string_view who, const SecurityContext& security) {
  auto check = [&](std::string_view field, std::int64_t value) -> Result<void> {
    if (value < 0 || value > 0x7fffffff)
      return invalid(cat(who, ".", field), std::to_string(value), "is not in 0-2147483647");
    return {};
  };
  if (security.has_run_as_user()) RETURN_IF_ERROR(check("run_as_user", security.run_as_user().value()));
  if (security.has_run_as_group()) {
    RETURN_IF_ERROR(check("run_as_group", security.run_as_group().value()));
    bool has_user = security.has_run_as_user();
    if constexpr (requires { security.run_as_username(); })
      has_user = has_user || !security.run_as_username().empty();
    if (!has_user) return Error(Code::kInvalidArgument, cat(who, ".run_as_group is given without a user"));
  }
  if (!cri::SupplementalGroupsPolicy_IsValid(security.supplemental_groups_policy())) {
    return invalid(cat(who, ".supplemental_groups_policy"),
                   std::to_string(security.supplemental_groups_policy()), "is unknown");
  }
  for (const auto group : security.supplemental_groups())
    RETURN_IF_ERROR(check("supplemental_groups", group));
  return {};
}

Result<void> check_image_volume(const cri::Mount& mount) {
  const std::string& path = mount.container_path();
  if (mount.image().image().empty())
    return invalid("mounts.container_path", path, "has an image without a name");
  if (!mount.host_path().empty())
    return invalid("mounts.container_path", path, "has an image and a host_path");
  if (!mount.readonly()) return invalid("mounts.container_path", path, "has an image, which is not readonly");
  if (mount.propagation() != cri::PROPAGATION_PRIVATE)
    return invalid("mounts.container_path", path, "has an image, whose propagation is not private");
  const std::string& inside = mount.image_sub_path();
  if (inside.find('\0') != std::string::npos || climbs(inside) || inside.starts_with('/'))
    return invalid("mounts.image_sub_path", inside, "is not a path below the image's root");
  return {};
}

Result<void> check_mount(const cri::Mount& mount) {
  RETURN_IF_ERROR(check_absolute("mounts.container_path", mount.container_path()));
  if (is_root(mount.container_path())) {
    return invalid("mounts.container_path", mount.container_path(), "is the root itself");
  }
  if (mount.has_image()) return check_image_volume(mount);
  RETURN_IF_ERROR(check_absolute("mounts.host_path", mount.host_path()));
  RETURN_IF_ERROR(oci::check_id_mappings("mounts.uidMappings", to_oci_mappings(mount.uidmappings())));
  RETURN_IF_ERROR(oci::check_id_mappings("mounts.gidMappings", to_oci_mappings(mount.gidmappings())));
  if (mount.uidmappings().empty() != mount.gidmappings().empty()) {
    return invalid("mounts.container_path", mount.container_path(),
                   "has mappings of users without groups, or of groups without users");
  }
  if (!cri::MountPropagation_IsValid(mount.propagation())) {
    return invalid("mounts.propagation", std::to_string(mount.propagation()), "is unknown");
  }
  if (mount.recursive_read_only()) {
    if (!mount.readonly()) {
      return invalid("mounts.container_path", mount.container_path(),
                     "asks for recursive_read_only without readonly");
    }
    if (mount.propagation() != cri::PROPAGATION_PRIVATE) {
      return invalid("mounts.container_path", mount.container_path(),
                     "asks for recursive_read_only with a propagation other than private");
    }
  }
  return {};
}

Result<void> check_namespaces(std::string_view who, const cri::NamespaceOption& options) {
  if (options.network() != cri::POD && options.network() != cri::NODE) {
    return Error(Code::kInvalidArgument, cat(who, ".namespace_options.network must be POD or NODE"));
  }
  if (options.ipc() != cri::POD && options.ipc() != cri::NODE) {
    return Error(Code::kInvalidArgument, cat(who, ".namespace_options.ipc must be POD or NODE"));
  }
  return {};
}

/// argv and the environment are C strings: what lies behind a NUL byte would silently be lost.
Result<void> check_process(const cri::ContainerConfig& config) {
  for (const auto& words : {&config.command(), &config.args()}) {
    for (const auto& word : *words) {
      if (word.find('\0') != std::string::npos)
        return invalid("config.command or args", word, "contains a NUL byte");
    }
  }
  for (const auto& env : config.envs()) {
    if (env.key().empty() || env.key().find('=') != std::string::npos)
      return invalid("config.envs.key", env.key(), "is empty or contains \"=\"");
    if (env.key().find('\0') != std::string::npos)
      return invalid("config.envs.key", env.key(), "contains a NUL byte");
    if (env.value().find('\0') != std::string::npos)
      return invalid("config.envs.value of", env.key(), "contains a NUL byte");
  }
  if (!config.working_dir().empty())
    RETURN_IF_ERROR(check_absolute("config.working_dir", config.working_dir()));
  if (!cri::Signal_IsValid(config.stop_signal())) {
    return invalid("config.stop_signal", std::to_string(config.stop_signal()), "is unknown");
  }
  return {};
}

Result<void> check_log_path(const std::string& path) {
  if (path.empty()) return {};
  const std::string name = path.substr(path.rfind('/') + 1);
  if (path[0] == '/' || climbs(path) || has_control(path) || name.empty() || name == ".") {
    return invalid("config.log_path", path, "is not the path of a file below the pod's log_directory");
  }
  return {};
}

Result<void> check_pid_mode(const cri::NamespaceOption& options) {
  if (options.pid() == cri::TARGET && options.target_id().empty()) {
    return Error(Code::kInvalidArgument,
                 "config.linux.security_context.namespace_options.target_id is empty with pid TARGET");
  }
  if (!cri::NamespaceMode_IsValid(options.pid())) {
    return invalid("config.linux.security_context.namespace_options.pid", std::to_string(options.pid()),
                   "is unknown");
  }
  return {};
}

}  // namespace

Result<void> validate_namespace(const std::string& name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (!name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), fits)) return {};
  return invalid("sandbox_config.metadata.namespace", name.substr(0, 100), "is not the name of a namespace");
}

Result<void> validate_pod(const cri::PodSandboxConfig& config) {
  if (!config.has_metadata()) return Error(Code::kInvalidArgument, "config.metadata is missing");
  RETURN_IF_ERROR(check_name("config.metadata.name", config.metadata().name()));
  RETURN_IF_ERROR(check_name("config.metadata.namespace", config.metadata().namespace_()));
  if (has_control(config.metadata().uid()) || config.metadata().uid().find('/') != std::string::npos) {
    return invalid("config.metadata.uid", config.metadata().uid(), "contains a slash or a control character");
  }
  if (has_control(config.hostname()) || config.hostname().size() > 64 ||
      config.hostname().find_first_of("/ ") != std::string::npos) {
    return invalid("config.hostname", config.hostname(), "is not a host name of at most 64 bytes");
  }
  if (!config.log_directory().empty())
    RETURN_IF_ERROR(check_absolute("config.log_directory", config.log_directory()));
  for (const auto& port : config.port_mappings()) RETURN_IF_ERROR(check_port(port));
  for (const auto& line :
       {config.dns_config().servers(), config.dns_config().searches(), config.dns_config().options()}) {
    for (const auto& word : line) {
      if (has_control(word)) return invalid("config.dns_config", word, "contains a control character");
    }
  }
  const auto& security = config.linux().security_context();
  // A slice may be given by its name alone; everything else is a path.
  const std::string& parent = config.linux().cgroup_parent();
  const bool is_slice = parent.ends_with(".slice") && parent.find('/') == std::string::npos;
  if (!parent.empty() && !is_slice) RETURN_IF_ERROR(check_absolute("config.linux.cgroup_parent", parent));
  const auto pid = security.namespace_options().pid();
  if (pid != cri::POD && pid != cri::CONTAINER && pid != cri::NODE) {
    return Error(Code::kInvalidArgument,
                 "config.linux.security_context.namespace_options.pid must be POD, CONTAINER or NODE");
  }
  RETURN_IF_ERROR(check_user_ids("config.linux.security_context", security));
  RETURN_IF_ERROR(check_user_namespace("config.linux.security_context", security));
  return check_namespaces("config.linux.security_context", security.namespace_options());
}

Result<void> validate_resources(const cri::LinuxContainerResources& resources) {
  auto negative = [](std::string_view field, std::int64_t value, std::int64_t least) -> Result<void> {
    if (value < least) return invalid(cat("resources.", field), std::to_string(value), "is negative");
    return {};
  };
  RETURN_IF_ERROR(negative("cpu_period", resources.cpu_period(), 0));
  RETURN_IF_ERROR(negative("cpu_quota", resources.cpu_quota(), -1));
  RETURN_IF_ERROR(negative("cpu_shares", resources.cpu_shares(), 0));
  RETURN_IF_ERROR(negative("memory_limit_in_bytes", resources.memory_limit_in_bytes(), -1));
  RETURN_IF_ERROR(negative("memory_swap_limit_in_bytes", resources.memory_swap_limit_in_bytes(), -1));
  const auto adj = resources.oom_score_adj();
  if (adj < -1000 || adj > 1000)
    return invalid("resources.oom_score_adj", std::to_string(adj), "is not in -1000..1000");
  for (const auto& [file, value] : resources.unified()) {
    if (file.find('/') != std::string::npos || has_control(file) || file.find('.') == std::string::npos) {
      return invalid("resources.unified", file, "is not the name of a cgroup file");
    }
  }
  return {};
}

Result<void> validate_container(const cri::ContainerConfig& config) {
  if (!config.has_metadata()) return Error(Code::kInvalidArgument, "config.metadata is missing");
  RETURN_IF_ERROR(check_name("config.metadata.name", config.metadata().name()));
  if (config.image().image().empty()) return Error(Code::kInvalidArgument, "config.image.image is empty");
  RETURN_IF_ERROR(check_process(config));
  RETURN_IF_ERROR(check_log_path(config.log_path()));
  for (const auto& mount : config.mounts()) RETURN_IF_ERROR(check_mount(mount));
  for (const auto& device : config.devices()) {
    RETURN_IF_ERROR(check_absolute("config.devices.host_path", device.host_path()));
    if (!device.container_path().empty())
      RETURN_IF_ERROR(check_absolute("config.devices.container_path", device.container_path()));
    if (device.permissions().find_first_not_of("rwm") != std::string::npos) {
      return invalid("config.devices.permissions", device.permissions(), "is not a subset of \"rwm\"");
    }
  }
  if (config.cdi_devices_size() > 0)
    return Error(Code::kUnimplemented, "config.CDI_devices are not supported yet");
  const auto& security = config.linux().security_context();
  RETURN_IF_ERROR(check_user_ids("config.linux.security_context", security));
  RETURN_IF_ERROR(check_namespaces("config.linux.security_context", security.namespace_options()));
  RETURN_IF_ERROR(check_pid_mode(security.namespace_options()));
  return validate_resources(config.linux().resources());
}

}  // namespace berth::daemon
