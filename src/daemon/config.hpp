// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"

namespace berth::daemon {

/// One runtime handler (a RuntimeClass names it). The default one has the name "".
struct HandlerConfig {
  bool init = false;  ///< run `berth-pid1 init` as PID 1 of containers with a PID namespace of their own
  bool init_group = false;  ///< which hands signals to the program's whole process group
};

/// berthd's settings: defaults, then the file, then its drop-ins in name order, then flags.
/// Every path is relocatable, so that several daemons run side by side.
struct Config {
  // [daemon]
  std::string root = "/var/lib/berth";
  std::string state = "/run/berth";
  std::string listen = "unix:///run/berth/berth.sock";
  // [log]
  std::string log_level = "info";
  std::string log_format = "text";
  // [container_log]
  std::int64_t container_log_max_size = 0;  ///< bytes; 0: rotation is the kubelet's
  std::uint32_t container_log_max_files = 4;
  std::string container_log_when_full = "drop";
  std::string container_log_journal;  ///< socket; empty: only files
  // [cgroup]
  std::string cgroup_driver = "cgroupfs";
  std::string cgroup_parent = "/berth";  ///< for pods whose configuration names none, and for the shims
  // [runtime]
  std::string pid1_path;  ///< empty: beside berthd's own executable, then /usr/libexec/berth
  std::map<std::string, HandlerConfig> handlers;
  std::int64_t shm_size = 64 << 20;  ///< bytes of a pod's /dev/shm
  std::uint32_t max_work_threads = 256;
  std::vector<std::string> default_ulimits;  ///< "nofile=1024:4096"; daemon/config_ulimit.hpp reads them
  // [image]
  std::string unpack_path;  ///< like pid1_path
  std::string registries_conf = "/etc/containers/registries.conf";
  std::string registries_conf_dir = "/etc/containers/registries.conf.d";
  std::string short_name_aliases = "/var/cache/containers/short-name-aliases.conf";
  std::vector<std::string> certs_dirs = {"/etc/containerd/certs.d", "/etc/containers/certs.d",
                                         "/etc/docker/certs.d"};
  std::vector<std::string> auth_files = {"/run/containers/0/auth.json", "/etc/containers/auth.json"};
  std::string auth_dir = "/etc/berth/auth";
  std::vector<std::string> credential_helper_dirs = {"/usr/local/bin", "/usr/bin", "/usr/libexec/berth"};
  std::string http_proxy, https_proxy, no_proxy;  ///< empty: as the environment says
  std::string policy;                             ///< empty: any image is accepted
  std::string policy_dir;
  std::string registries_d = "/etc/containers/registries.d";
  std::uint32_t max_parallel_layers = 4;
  std::uint32_t max_parallel_pulls = 8;
  std::uint32_t pull_progress_timeout = 60;  ///< seconds
  std::vector<std::string> pinned;
  std::vector<std::string> additional_stores;
  std::string preload_dir;
  // [network]
  std::string cni_conf_dir = "/etc/cni/net.d";
  std::vector<std::string> cni_bin_dirs = {"/opt/cni/bin", "/usr/lib/cni"};
  std::uint32_t cni_timeout = 60;  ///< seconds per plugin call
  // [streaming], [metrics]: addresses; empty means off
  std::string stream_address = "127.0.0.1";
  std::uint32_t stream_port = 0;
  std::string stream_tls_certificate;
  std::string stream_tls_key;
  std::string stream_tls_min_version = "1.2";
  std::uint32_t stream_idle_timeout = 4 * 3600;  ///< seconds
  std::uint32_t stream_max_sessions = 512;
  std::string metrics_address;
  std::vector<std::string> pod_metrics = {"all"};  ///< families of ListPodSandboxMetrics
};

/// Where each value came from: "default", "berth.toml", "berth.toml.d/10-x.toml", "flag".
using ConfigOrigins = std::map<std::string, std::string>;

struct LoadedConfig {
  Config config;
  ConfigOrigins origins;  ///< by "table.key"
};

/// Reads `path` (absent is fine unless `required`) and `path`.d/*.toml. Unknown tables and keys are
/// refused, naming file and line and the nearest known one.
Result<LoadedConfig> load_config(const std::string& path, bool required);
/// Checks values that parsing cannot: absolute paths, ranges, known words.
Result<void> check_config(const Config& config);
/// Fills the proxies that `config` leaves open from HTTP_PROXY, HTTPS_PROXY and NO_PROXY or their lower case
/// twins.
void take_proxies_from_environment(Config& config);
/// The configuration as TOML with a comment per key; with `origins` where each value came from.
std::string format_config(const Config& config, const ConfigOrigins* origins);

}  // namespace berth::daemon
