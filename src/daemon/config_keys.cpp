// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_keys.hpp"

#include <algorithm>
#include <numeric>

#include "base/cat.hpp"

namespace berth::daemon {
namespace {

constexpr std::int64_t kMaxThreads = 4096;
constexpr std::int64_t kMaxShm = std::int64_t{1} << 40;
constexpr std::int64_t kDay = 86400;

const ConfigKey kKeys[] = {
    {"daemon", "root", &Config::root, "Images, containers' writable layers and records; survives a reboot."},
    {"daemon", "state", &Config::state,
     "Sockets, namespaces and exit records of this boot; belongs on a tmpfs."},
    {"daemon", "listen", &Config::listen, "The socket that serves the CRI."},
    {"log", "level", &Config::log_level, "debug, info, warn or error."},
    {"log", "format", &Config::log_format, "text, json or journald."},
    {"container_log", "max_size", &Config::container_log_max_size,
     "Bytes of a container's log before it is rotated here, 1 MiB or more; 0: the kubelet does that."},
    {"container_log", "max_files", &Config::container_log_max_files,
     "Rotated logs that are kept, NAME.1 the newest.", 0, 1000},
    {"container_log", "when_full", &Config::container_log_when_full,
     "What a full disk does: drop (output is lost and counted) or wait (whoever writes it waits)."},
    {"container_log", "journal", &Config::container_log_journal,
     "Output goes to the journal, too, if this names its socket: /run/systemd/journal/socket."},
    {"cgroup", "driver", &Config::cgroup_driver, "cgroupfs or systemd; the kubelet asks and follows."},
    {"cgroup", "parent", &Config::cgroup_parent,
     "The cgroup of pods whose configuration names none, and of the shims; with systemd a slice."},
    {"runtime", "pid1_path", &Config::pid1_path,
     "berth-pid1; empty: beside berthd, then in /usr/libexec/berth."},
    {"runtime", "shm_size", &Config::shm_size, "Bytes of a pod's /dev/shm.", 4096, kMaxShm},
    {"runtime", "max_work_threads", &Config::max_work_threads, "Operations on pods and containers at a time.",
     2, kMaxThreads},
    {"runtime", "default_ulimits", &Config::default_ulimits,
     "Limits of containers' processes, \"name=soft:hard\": [\"nofile=1024:4096\"]."},
    {"image", "unpack_path", &Config::unpack_path,
     "berth-unpack; empty: beside berthd, then in /usr/libexec/berth."},
    {"image", "registries_conf", &Config::registries_conf, "Registries: mirrors, insecure and blocked ones."},
    {"image", "registries_conf_dir", &Config::registries_conf_dir, "Drop-ins of registries_conf."},
    {"image", "short_name_aliases", &Config::short_name_aliases,
     "What short names mean, as other tools noted it; wins over registries_conf. Empty: nothing."},
    {"image", "certs_dirs", &Config::certs_dirs,
     "Directories of HOST/hosts.toml, or of HOST/*.crt, *.cert and *.key; the first that has HOST counts."},
    {"image", "auth_files", &Config::auth_files,
     "Credentials of the node: auth.json or Docker's config.json; the first that knows a registry counts."},
    {"image", "auth_dir", &Config::auth_dir,
     "Credentials for one pull: NAMESPACE-SHA256_OF_IMAGE.json, removed when it was used. Empty: none."},
    {"image", "credential_helper_dirs", &Config::credential_helper_dirs,
     "Where the programs docker-credential-NAME are looked for."},
    {"image", "http_proxy", &Config::http_proxy,
     "The proxy for http:// registries, [http://][user:password@]host:port; empty: $HTTP_PROXY."},
    {"image", "https_proxy", &Config::https_proxy, "The same for https:// registries; empty: $HTTPS_PROXY."},
    {"image", "no_proxy", &Config::no_proxy,
     "Hosts, domains, addresses and CIDRs that need no proxy, by commas; empty: $NO_PROXY."},
    {"image", "policy", &Config::policy,
     "containers-policy.json(5): which images may be pulled and run, signed by whom. Empty: any, unsigned."},
    {"image", "policy_dir", &Config::policy_dir,
     "NAMESPACE.json in this directory counts for that namespace instead of policy. Empty: none."},
    {"image", "registries_d", &Config::registries_d,
     "containers-registries.d(5): where signatures of images are. Empty: nowhere."},
    {"image", "max_parallel_layers", &Config::max_parallel_layers, "Layers of one image fetched at a time.",
     1, 64},
    {"image", "max_parallel_pulls", &Config::max_parallel_pulls, "Images pulled at a time.", 1, 256},
    {"image", "pull_progress_timeout", &Config::pull_progress_timeout,
     "Seconds without a byte after which a pull is given up.", 1, kDay},
    {"image", "pinned", &Config::pinned,
     "Images that neither the kubelet nor prune may collect: names, with * at the start or the end or both."},
    {"image", "additional_stores", &Config::additional_stores,
     "Directories \"images\" of other roots, whose images can be used as well and are never changed."},
    {"image", "preload_dir", &Config::preload_dir,
     "A directory of archives and OCI layouts that are imported at each start; empty: none."},
    {"network", "conf_dir", &Config::cni_conf_dir, "CNI configurations; the first by name is used."},
    {"network", "bin_dirs", &Config::cni_bin_dirs, "Where CNI plugins are looked for, in this order."},
    {"network", "timeout", &Config::cni_timeout, "Seconds that one call of a CNI plugin may take.", 1, kDay},
    {"streaming", "address", &Config::stream_address, "The address that exec, attach and port-forward use."},
    {"streaming", "port", &Config::stream_port, "0: any free port.", 0, 65535},
    {"streaming", "tls_certificate", &Config::stream_tls_certificate,
     "PEM file of the certificate and its chain; read again when it changes. Empty: no TLS."},
    {"streaming", "tls_key", &Config::stream_tls_key, "PEM file of the certificate's key."},
    {"streaming", "tls_min_version", &Config::stream_tls_min_version, "1.2 or 1.3."},
    {"streaming", "idle_timeout", &Config::stream_idle_timeout,
     "Seconds without a byte in any direction after which a session ends.", 1, 7 * kDay},
    {"streaming", "max_sessions", &Config::stream_max_sessions,
     "Execs, attaches and port-forwards at a time; further clients are turned away.", 1, kMaxThreads},
    {"metrics", "address", &Config::metrics_address, "host:port that serves /metrics; empty: nowhere."},
    {"metrics", "pod_metrics", &Config::pod_metrics,
     "What ListPodSandboxMetrics tells: cpu, disk, diskIO, hugetlb, memory, network, oom, pressure, process, "
     "spec; or all."},
};

const HandlerKey kHandlerKeys[] = {
    {"init", &HandlerConfig::init,
     "Run berth-pid1 as PID 1 of containers that have a PID namespace of their own."},
    {"init_group", &HandlerConfig::init_group, "With init: signals go to the program's whole process group."},
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

}  // namespace

std::string ConfigKey::path() const {
  return cat(table, ".", name);
}

std::span<const ConfigKey> config_keys() {
  return kKeys;
}
std::span<const HandlerKey> handler_keys() {
  return kHandlerKeys;
}

const ConfigKey* find_config_key(std::string_view path) {
  for (const auto& key : kKeys) {
    if (key.path() == path) return &key;
  }
  return nullptr;
}

bool is_config_table(std::string_view name) {
  return std::ranges::any_of(kKeys, [&](const ConfigKey& key) { return key.table == name; });
}

std::string nearest_config_key(std::string_view path) {
  constexpr std::size_t kLongest = 128;  // nobody means a longer one
  if (path.size() > kLongest) return {};
  std::string nearest;
  std::size_t least = path.size() / 2 + 1;
  const auto consider = [&](const std::string& known) {
    // A right name in the wrong table counts as one mistake.
    const std::size_t distance =
        std::min(edit_distance(path, known), edit_distance(last_part(path), last_part(known)) + 1);
    if (distance < least) {
      least = distance;
      nearest = known;
    }
  };
  for (const auto& key : kKeys) consider(key.path());
  if (!path.starts_with(kHandlersTable)) return nearest;
  const std::string_view handler = path.substr(0, path.rfind('.'));
  for (const auto& key : kHandlerKeys) consider(cat(handler, ".", key.name));
  return nearest;
}

Result<void> check_range(const ConfigKey& key, std::int64_t value) {
  if (value >= key.min && value <= key.max) return {};
  return Error(Code::kInvalidArgument,
               cat(key.path(), " must be between ", key.min, " and ", key.max, ", not ", value));
}

}  // namespace berth::daemon
