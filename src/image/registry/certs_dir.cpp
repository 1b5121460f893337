// SPDX-License-Identifier: Apache-2.0
#include "image/registry/certs_dir.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/registry/hosts.hpp"
#include "image/registry/hosts_toml.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxCertsFile = 1U << 20;
constexpr std::string_view kDefault = "_default";

Result<void> check_readable(const std::string& path) {
  RETURN_IF_ERROR(read_file(path, kMaxCertsFile));
  return {};
}

/// One PEM text of all `paths`; null when there are none.
Result<std::shared_ptr<const std::string>> read_authorities(const std::vector<std::string>& paths) {
  if (paths.empty()) return std::shared_ptr<const std::string>();
  std::string all;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const std::string pem, read_file(path, kMaxCertsFile));
    if (pem.find("-----BEGIN ") == std::string::npos)
      return Error(Code::kInvalidArgument, cat(path, " holds no PEM certificate"));
    all += pem + "\n";
  }
  return std::make_shared<const std::string>(std::move(all));
}

Result<void> set_client(const std::vector<std::pair<std::string, std::string>>& clients, TlsFiles& tls) {
  if (clients.empty()) return {};
  std::tie(tls.client_cert, tls.client_key) = clients.front();
  RETURN_IF_ERROR(check_readable(tls.client_cert));
  return check_readable(tls.client_key);
}

/// Docker's layout: *.crt, and pairs of *.cert and *.key.
Result<Endpoint> with_docker_files(const std::string& dir, Endpoint endpoint) {
  ASSIGN_OR_RETURN(auto names, list_dir(dir));
  std::sort(names.begin(), names.end());
  std::vector<std::string> authorities;
  std::vector<std::pair<std::string, std::string>> clients;
  const auto partner = [&](const std::string& name, std::size_t ending,
                           const char* other) -> Result<std::string> {
    const std::string wanted = name.substr(0, name.size() - ending) + other;
    if (std::find(names.begin(), names.end(), wanted) != names.end()) return cat(dir, "/", wanted);
    return Error(Code::kInvalidArgument, cat(dir, "/", name, " has no ", wanted, " beside it"));
  };
  for (const std::string& name : names) {
    const std::string path = cat(dir, "/", name);
    if (name.ends_with(".crt")) authorities.push_back(path);
    if (name.ends_with(".cert")) {
      ASSIGN_OR_RETURN(std::string key, partner(name, 5, ".key"));
      clients.emplace_back(path, std::move(key));
    }
    if (name.ends_with(".key")) RETURN_IF_ERROR(partner(name, 4, ".cert"));
  }
  ASSIGN_OR_RETURN(endpoint.tls.extra_ca, read_authorities(authorities));
  RETURN_IF_ERROR(set_client(clients, endpoint.tls));
  if (endpoint.tls.extra_ca || !clients.empty())
    endpoint.said_by += cat(endpoint.said_by.empty() ? "" : ", ", "certificates in ", dir);
  return endpoint;
}

Result<Endpoint> endpoint_of(const HostsToml::Host& host, const Endpoint& original,
                             const std::string& subject) {
  Endpoint endpoint = original;
  if (!host.scheme.empty()) {
    endpoint.scheme = host.scheme;
    endpoint.host = host.host == "docker.io" ? "registry-1.docker.io" : host.host;
    endpoint.root = host.root;
  }
  // A server of another name learns which registry it stands for, and nobody's password for that one.
  if (endpoint.host != original.host) {
    endpoint.ns = logical_host(original.host);
    endpoint.is_mirror = true;
  }
  endpoint.insecure = original.insecure || host.skip_verify;
  endpoint.gives_content = host.pull;
  endpoint.resolves_tags = host.resolve;
  endpoint.headers = host.headers;
  endpoint.connect_timeout = host.dial_timeout;
  ASSIGN_OR_RETURN(endpoint.tls.extra_ca, read_authorities(host.ca));
  RETURN_IF_ERROR(set_client(host.clients, endpoint.tls));
  endpoint.said_by += cat(endpoint.said_by.empty() ? "" : ", ", subject);
  return endpoint;
}

Result<std::vector<Endpoint>> with_hosts_toml(const std::string& dir, const Endpoint& endpoint) {
  const std::string path = cat(dir, "/hosts.toml");
  ASSIGN_OR_RETURN(const std::string text, read_file(path, kMaxCertsFile));
  ASSIGN_OR_RETURN(HostsToml hosts, parse_hosts_toml(text, dir, path));
  hosts.hosts.push_back(std::move(hosts.server));
  std::vector<Endpoint> endpoints;
  for (const HostsToml::Host& host : hosts.hosts) {
    if (!host.pull && !host.resolve) continue;
    auto asked = endpoint_of(host, endpoint, path);
    if (!asked) return std::move(asked).context(path).error();
    endpoints.push_back(*std::move(asked));
  }
  // The server is often one of the hosts, too; asking it twice helps nobody.
  if (endpoints.size() > 1) {
    const Endpoint& last = endpoints.back();
    const bool twice = std::any_of(endpoints.begin(), endpoints.end() - 1, [&](const Endpoint& e) {
      return e.host == last.host && e.root == last.root && e.gives_content && e.resolves_tags;
    });
    if (twice) endpoints.pop_back();
  }
  if (endpoints.empty())
    return Error(Code::kFailedPrecondition, cat(path, " leaves no server that may be asked"));
  return endpoints;
}

std::vector<std::string> dir_names_of(const std::string& host) {
  std::vector<std::string> names;
  const std::size_t colon = host.rfind(':');
  if (colon != std::string::npos && !host.ends_with(']'))
    names.push_back(cat(host.substr(0, colon), "_", host.substr(colon + 1), "_"));
  names.push_back(host);
  return names;
}

std::optional<std::string> find_dir(const std::vector<std::string>& dirs, const std::string& host) {
  for (const std::string& dir : dirs) {
    for (const std::string& name : dir_names_of(host)) {
      if (std::string path = cat(dir, "/", name); exists(path)) return path;
    }
  }
  for (const std::string& dir : dirs) {
    if (std::string path = cat(dir, "/", kDefault); exists(path)) return path;
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<Endpoint>> apply_certs_dirs(const std::vector<std::string>& dirs,
                                               const Endpoint& endpoint) {
  const auto dir = find_dir(dirs, logical_host(endpoint.host));
  if (!dir) return std::vector<Endpoint>{endpoint};
  if (exists(cat(*dir, "/hosts.toml"))) return with_hosts_toml(*dir, endpoint);
  ASSIGN_OR_RETURN(Endpoint with_files, with_docker_files(*dir, endpoint));
  return std::vector<Endpoint>{std::move(with_files)};
}

}  // namespace berth::image
