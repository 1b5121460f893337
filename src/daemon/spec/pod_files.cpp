// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/pod_files.hpp"

#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/atomic_file.hpp"
#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth::daemon {
namespace {

constexpr std::size_t kHostFileLimit = 1 << 20;

std::string own_hostname() {
  char name[65] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

std::string format_hosts(const std::string& hostname, const std::vector<std::string>& ips) {
  std::string text =
      "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
      "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
  for (const auto& ip : ips) text.append(cat(ip, "\t", hostname, "\n"));
  return text;
}

/// The host's file, or nothing where the host has none.
std::string copy_of(const std::string& path) {
  auto text = read_file(path, kHostFileLimit);
  return text ? *std::move(text) : std::string();
}

bool has_host_network(const cri::PodSandboxConfig& config) {
  return config.linux().security_context().namespace_options().network() == cri::NODE;
}

/// One label of RFC 1123: what is not allowed in it becomes a hyphen.
std::string as_hostname(std::string_view name) {
  constexpr std::size_t kMaxLabel = 63;
  std::string label;
  for (char c : name.substr(0, kMaxLabel)) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (allowed || !label.empty()) label.push_back(allowed ? c : '-');
  }
  while (!label.empty() && label.back() == '-') label.pop_back();
  return label.empty() ? "pod" : label;
}

}  // namespace

std::string pod_hostname(const cri::PodSandboxConfig& config) {
  if (!config.hostname().empty()) return config.hostname();
  return has_host_network(config) ? own_hostname() : as_hostname(config.metadata().name());
}

std::string format_resolv_conf(const cri::DNSConfig& dns) {
  std::string text;
  auto join = [](const auto& words) {
    std::string line;
    for (const auto& word : words) line.append(line.empty() ? "" : " ").append(word);
    return line;
  };
  if (dns.searches_size() > 0) text.append(cat("search ", join(dns.searches()), "\n"));
  for (const auto& server : dns.servers()) text.append(cat("nameserver ", server, "\n"));
  if (dns.options_size() > 0) text.append(cat("options ", join(dns.options()), "\n"));
  return text;
}

Result<void> write_pod_files(const std::string& dir, const cri::PodSandboxConfig& config,
                             const std::vector<std::string>& ips, runtime::FilesOwner owner) {
  const bool host_network = has_host_network(config);
  const std::string hostname = pod_hostname(config);
  const auto& dns = config.dns_config();
  const bool has_dns = dns.servers_size() + dns.searches_size() + dns.options_size() > 0;
  RETURN_IF_ERROR(make_dirs(dir, 0755));
  const auto write = [&](const char* name, const std::string& text) -> Result<void> {
    const std::string path = cat(dir, "/", std::string_view(name));
    RETURN_IF_ERROR(write_file(path, text, Durability::kAtomic, 0644));
    if (::lchown(path.c_str(), owner.uid, owner.gid) == 0) return {};
    return Error::from_errno(errno, "change the owner of", path);
  };
  RETURN_IF_ERROR(write("resolv.conf", has_dns ? format_resolv_conf(dns) : copy_of("/etc/resolv.conf")));
  RETURN_IF_ERROR(write("hostname", hostname + "\n"));
  return write("hosts", host_network ? copy_of("/etc/hosts") : format_hosts(hostname, ips));
}

}  // namespace berth::daemon
