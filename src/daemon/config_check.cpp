// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>

#include "base/cat.hpp"
#include "base/log.hpp"
#include "daemon/config_keys.hpp"
#include "daemon/config_ulimit.hpp"
#include "daemon/metric_families.hpp"

namespace berth::daemon {
namespace {

constexpr std::string_view kUnixScheme = "unix://";

Error invalid(std::string what) {
  return Error(Code::kInvalidArgument, std::move(what));
}

Result<void> check_absolute(std::string_view key, const std::string& path) {
  if (path.starts_with('/')) return {};
  return invalid(cat(key, " must be an absolute path, not \"", path, "\""));
}

Result<void> check_paths(const Config& config) {
  RETURN_IF_ERROR(check_absolute("daemon.root", config.root));
  RETURN_IF_ERROR(check_absolute("daemon.state", config.state));
  if (config.root == config.state)
    return invalid(cat("daemon.root and daemon.state must differ, but both are ", config.root));
  RETURN_IF_ERROR(check_absolute("image.registries_conf", config.registries_conf));
  RETURN_IF_ERROR(check_absolute("image.registries_conf_dir", config.registries_conf_dir));
  for (const auto& [key, path] :
       {std::pair("image.short_name_aliases", &config.short_name_aliases),
        std::pair("image.auth_dir", &config.auth_dir), std::pair("image.preload_dir", &config.preload_dir),
        std::pair("image.policy", &config.policy), std::pair("image.policy_dir", &config.policy_dir),
        std::pair("image.registries_d", &config.registries_d)}) {
    if (!path->empty()) RETURN_IF_ERROR(check_absolute(key, *path));
  }
  for (const auto& [key, paths] :
       {std::pair("image.certs_dirs", &config.certs_dirs), std::pair("image.auth_files", &config.auth_files),
        std::pair("image.credential_helper_dirs", &config.credential_helper_dirs),
        std::pair("image.additional_stores", &config.additional_stores)}) {
    for (const auto& path : *paths) RETURN_IF_ERROR(check_absolute(key, path));
  }
  RETURN_IF_ERROR(check_absolute("network.conf_dir", config.cni_conf_dir));
  for (const auto& dir : config.cni_bin_dirs) RETURN_IF_ERROR(check_absolute("network.bin_dirs", dir));
  if (!config.pid1_path.empty()) RETURN_IF_ERROR(check_absolute("runtime.pid1_path", config.pid1_path));
  if (!config.unpack_path.empty()) RETURN_IF_ERROR(check_absolute("image.unpack_path", config.unpack_path));
  return {};
}

Result<void> check_listen(const std::string& listen) {
  if (!listen.starts_with(kUnixScheme) || !listen.substr(kUnixScheme.size()).starts_with('/')) {
    return invalid(cat("daemon.listen must be unix:///PATH, not \"", listen, "\""));
  }
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (listen.size() - kUnixScheme.size() > kLongest) {
    return invalid(
        cat("daemon.listen may have a path of at most ", kLongest, " characters, not \"", listen, "\""));
  }
  return {};
}

Result<void> check_cgroup(const Config& config) {
  const bool systemd = config.cgroup_driver == "systemd";
  if (!systemd && config.cgroup_driver != "cgroupfs") {
    return invalid(
        cat("cgroup.driver must be \"cgroupfs\" or \"systemd\", not \"", config.cgroup_driver, "\""));
  }
  if (systemd && config.cgroup_parent != Config().cgroup_parent) {
    if (config.cgroup_parent.ends_with(".slice")) return {};
    return invalid(cat("cgroup.parent must be a slice with cgroup.driver \"systemd\", not \"",
                       config.cgroup_parent, "\""));
  }
  RETURN_IF_ERROR(check_absolute("cgroup.parent", config.cgroup_parent));
  if (cat(config.cgroup_parent, "/").find("/../") != std::string::npos) {
    return invalid(cat("cgroup.parent must not contain \"..\", but is \"", config.cgroup_parent, "\""));
  }
  if (config.cgroup_parent.find_first_not_of('/') == std::string::npos) {
    return invalid("cgroup.parent must be below the root cgroup, not \"/\"");
  }
  return {};
}

/// The API server admits only DNS labels as handlers' names; "" is the default handler.
bool is_handler_name(const std::string& name) {
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (name.empty()) return true;
  return name.size() <= 63 && is_alphanumeric(name.front()) && is_alphanumeric(name.back()) &&
         std::ranges::all_of(name, [&](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_ip_address(const std::string& text) {
  unsigned char address[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, text.c_str(), address) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), address) == 1;
}

bool is_host_and_port(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return false;
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  return error == std::errc{} && stop == end;
}

Result<void> check_addresses(const Config& config) {
  if (!config.stream_address.empty() && !is_ip_address(config.stream_address)) {
    return invalid(cat("streaming.address must be an IP address, not \"", config.stream_address, "\""));
  }
  if (config.stream_tls_certificate.empty() != config.stream_tls_key.empty())
    return invalid("streaming.tls_certificate and streaming.tls_key need each other");
  if (config.stream_tls_min_version != "1.2" && config.stream_tls_min_version != "1.3") {
    return invalid(cat("streaming.tls_min_version must be \"1.2\" or \"1.3\", not \"",
                       config.stream_tls_min_version, "\""));
  }
  for (const auto& path : {config.stream_tls_certificate, config.stream_tls_key}) {
    if (!path.empty()) RETURN_IF_ERROR(check_absolute("streaming.tls_certificate and tls_key", path));
  }
  if (!config.metrics_address.empty() && !is_host_and_port(config.metrics_address)) {
    return invalid(cat("metrics.address must be host:port, not \"", config.metrics_address, "\""));
  }
  return {};
}

Result<void> check_pinned(const Config& config) {
  for (const auto& name : config.pinned) {
    const std::size_t inner = name.find('*', 1);
    if (name.empty() || (inner != std::string::npos && inner != name.size() - 1)) {
      return invalid(
          cat("image.pinned: \"", name, "\": a name may have a * at its start and at its end, nowhere else"));
    }
  }
  return {};
}

Result<void> check_container_log(const Config& config) {
  constexpr std::int64_t kLeast = 1 << 20;  // more than what the shim writes at once
  const bool waits = config.container_log_when_full == "wait";
  if (!waits && config.container_log_when_full != "drop") {
    return invalid(cat("container_log.when_full must be \"drop\" or \"wait\", not \"",
                       config.container_log_when_full, "\""));
  }
  if (!config.container_log_journal.empty())
    RETURN_IF_ERROR(check_absolute("container_log.journal", config.container_log_journal));
  if (config.container_log_max_size == 0) return {};
  if (config.container_log_max_size < kLeast) {
    return invalid(cat("container_log.max_size must be 0 or at least ", kLeast, ", not ",
                       config.container_log_max_size));
  }
  if (waits)
    return invalid(
        "container_log.when_full = \"wait\" is for logs that the kubelet rotates: max_size must be 0");
  return {};
}

/// Again, because flags have not come through the file's checks.
Result<void> check_ranges(const Config& config) {
  for (const auto& key : config_keys()) {
    if (const auto* member = std::get_if<std::uint32_t Config::*>(&key.member))
      RETURN_IF_ERROR(check_range(key, config.**member));
    if (const auto* member = std::get_if<std::int64_t Config::*>(&key.member))
      RETURN_IF_ERROR(check_range(key, config.**member));
  }
  return {};
}

Result<void> check_pod_metrics(const Config& config) {
  for (const auto& word : config.pod_metrics) {
    if (word == "all" || std::ranges::find(kMetricFamilies, word) != kMetricFamilies.end()) continue;
    return invalid(cat("metrics.pod_metrics has no family \"", word, "\""));
  }
  return {};
}

}  // namespace

Result<void> check_config(const Config& config) {
  RETURN_IF_ERROR(check_paths(config));
  RETURN_IF_ERROR(check_listen(config.listen));
  if (const auto level = log::parse_level(config.log_level); !level) {
    return invalid(cat("log.level: ", level.error().to_string()));
  }
  if (const auto format = log::parse_format(config.log_format); !format) {
    return invalid(cat("log.format: ", format.error().to_string()));
  }
  RETURN_IF_ERROR(check_cgroup(config));
  RETURN_IF_ERROR(check_ranges(config));
  RETURN_IF_ERROR(check_pinned(config));
  RETURN_IF_ERROR(check_container_log(config));
  RETURN_IF_ERROR(check_pod_metrics(config));
  for (const auto& text : config.default_ulimits) {
    if (const auto limit = parse_ulimit(text); !limit)
      return invalid(cat("runtime.default_ulimits: ", limit.error().to_string()));
  }
  for (const auto& entry : config.handlers) {
    if (!is_handler_name(entry.first)) {
      return invalid(cat(kHandlersTable, ": \"", entry.first,
                         "\" is not a DNS label (a-z, 0-9, -), as a RuntimeClass's handler must be"));
    }
  }
  return check_addresses(config);
}

}  // namespace berth::daemon
