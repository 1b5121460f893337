// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace berth::image {

/// Which proxy speaks to registries for us. A proxy is "[http://][user:password@]host:port"; empty: none.
/// Never asked for loopback addresses.
struct ProxyOptions {
  std::string http;        ///< for http:// registries
  std::string https;       ///< for https:// registries
  std::string exceptions;  ///< hosts, domains with their subdomains, addresses and CIDRs, by commas; "*": all
};

/// Where registries.conf is. Absent files and empty paths say nothing.
struct RegistriesConfPaths {
  std::string file;          ///< /etc/containers/registries.conf
  std::string drop_in_dir;   ///< /etc/containers/registries.conf.d: `*.conf` in name order
  std::string aliases_file;  ///< /var/cache/containers/short-name-aliases.conf: wins over the others
};

/// The node's files about registries. All are read anew when they have changed.
struct RegistryOptions {
  RegistriesConfPaths conf;
  std::vector<std::string> certs_dirs;   ///< directories of HOST/hosts.toml and HOST/*.crt; the first wins
  std::vector<std::string> auth_files;   ///< auth.json or Docker's config.json; the first that knows wins
  std::vector<std::string> helper_dirs;  ///< where docker-credential-NAME programs are looked for
  ProxyOptions proxy;
};

}  // namespace berth::image
