// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "ctl/check.hpp"
#include "netcni/conf_dir.hpp"

namespace berth::ctl {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += cat(out.empty() ? "" : ", ", word);
  return out;
}

bool is_program_in(const std::vector<std::string>& dirs, const std::string& name) {
  return std::ranges::any_of(
      dirs, [&](const std::string& dir) { return ::access(cat(dir, "/", name).c_str(), X_OK) == 0; });
}

Finding probe_plugin(const std::vector<std::string>& bin_dirs, const std::string& type) {
  if (is_program_in(bin_dirs, type)) return {Verdict::kGood, cat("CNI plugin ", type), ""};
  return {Verdict::kBad, cat("CNI plugin ", type, " is not in ", joined(bin_dirs)),
          "install containernetworking-plugins or your network's own; other places: network.bin_dirs"};
}

/// portmap calls it by name; a daemon's PATH may lack the sbin directories that ours has.
Finding probe_iptables() {
  std::vector<std::string> dirs = {"/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"};
  if (is_program_in(dirs, "iptables") || is_program_in(dirs, "nft"))
    return {Verdict::kGood, "iptables or nft, for portmap", ""};
  return {Verdict::kWarning, "neither iptables nor nft is installed",
          "pods with host ports will fail: install iptables"};
}

Finding probe_forwarding() {
  const auto value = read_file("/proc/sys/net/ipv4/ip_forward", kMaxProc);
  if (value && value->starts_with('1')) return {Verdict::kGood, "IPv4 forwarding", ""};
  return {Verdict::kWarning, "IPv4 forwarding is off: pods reach only their own host",
          "sysctl -w net.ipv4.ip_forward=1"};
}

}  // namespace

std::vector<Finding> probe_network(const daemon::Config& config) {
  std::vector<Finding> found;
  const auto content = netcni::read_conf_dir(config.cni_conf_dir);
  for (const auto& why : content.skipped)
    found.push_back({Verdict::kWarning, cat("CNI: ", why), "mend or remove it"});
  if (!content.network) {
    found.push_back({Verdict::kBad, cat("no CNI configuration in ", config.cni_conf_dir),
                     "let your network add-on write one; only pods on the host's network work without"});
  } else {
    found.push_back({Verdict::kGood, cat("CNI network ", content.network->name, " of ", content.file), ""});
    bool maps_ports = false;
    for (const auto& plugin : content.network->plugins) {
      found.push_back(probe_plugin(config.cni_bin_dirs, plugin.type));
      maps_ports = maps_ports || plugin.type == "portmap";
      const auto ipam = plugin.config.find("ipam");
      if (ipam == plugin.config.end() || !ipam->is_object()) continue;
      const auto type = ipam->find("type");
      if (type != ipam->end() && type->is_string())
        found.push_back(probe_plugin(config.cni_bin_dirs, type->get<std::string>()));
    }
    if (maps_ports) found.push_back(probe_iptables());
  }
  found.push_back(probe_forwarding());
  return found;
}

}  // namespace berth::ctl
