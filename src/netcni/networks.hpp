// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/reactor.hpp"
#include "base/result.hpp"

namespace berth::netcni {

struct PortMapping {
  std::string protocol;  ///< "tcp", "udp", "sctp"
  std::uint16_t container_port = 0;
  std::uint16_t host_port = 0;
  std::string host_ip;  ///< empty: every address
};

/// The pod that is attached; becomes CNI_ARGS, CNI_CONTAINERID, CNI_NETNS and runtimeConfig.
struct AttachRequest {
  std::string pod_id;  ///< CNI_CONTAINERID
  std::string namespace_, name, uid;
  std::string netns;  ///< path of the pinned network namespace
  std::vector<PortMapping> port_mappings;
  std::string cgroup_parent;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> dns_servers, dns_searches, dns_options;
};

/// One attachment as stored: enough to DEL and CHECK with what ADD used, whatever the configuration
/// directory says by then. Plain JSON, versioned; no secrets.
struct Attachment {
  std::string conflist_json;  ///< the network configuration list that was used, verbatim
  std::string result_json;  ///< final result of ADD (prevResult for CHECK and DEL); empty: ADD did not finish
  std::string args_json;    ///< runtimeConfig, CNI_ARGS, interface name, container ID, netns path
  std::vector<std::string> ips;  ///< the pod's addresses, primary first, without prefix length
};
std::string to_json(const Attachment& attachment);
Result<Attachment> attachment_from_json(const std::string& text);

/// Pod networks through CNI plugins (CNI spec 1.0/1.1). Configuration is re-read when its directory
/// changes (inotify); the first valid *.conf, *.conflist or *.json by name is the network, as CRI-O and
/// containerd choose it. Plugins are untrusted programs: bounded output, deadline, killed with
/// their children. Thread-safe; attach, detach and check block.
class Networks {
 public:
  struct Options {
    std::string conf_dir = "/etc/cni/net.d";
    std::vector<std::string> bin_dirs = {"/opt/cni/bin", "/usr/lib/cni"};
    std::chrono::seconds plugin_timeout{60};  ///< for each verb of each plugin
  };
  static Result<std::unique_ptr<Networks>> open(const Options& options, Reactor& reactor);
  virtual ~Networks() = default;

  /// Success: pods can be attached. The error says why not ("no network configuration in /etc/cni/net.d").
  /// Memory only.
  virtual Result<void> ready() const = 0;
  virtual std::string network_name() const = 0;

  /// ADD through the chain; on failure what was done is undone by DEL. The error names network,
  /// plugin, verb, and the plugin's own message. kUnavailable when not ready.
  /// `announce`, when given, is called before the first plugin runs, with all of the attachment but
  /// its result: what DEL needs after a crash in the middle. Its failure ends the attempt.
  using Announce = std::function<Result<void>(const Attachment&)>;
  virtual Result<Attachment> attach(const AttachRequest& request, std::stop_token cancel,
                                    const Announce& announce = nullptr) = 0;
  /// What attach() would use now, without running anything: for the DEL of a pod whose attachment was
  /// lost. `ips` are the pod's addresses as far as they are known, which some plugins clean up by.
  /// kUnavailable when not ready.
  virtual Result<Attachment> plan(const AttachRequest& request, const std::vector<std::string>& ips) = 0;
  /// DEL in reverse order with the stored configuration. A missing network namespace is fine.
  virtual Result<void> detach(const Attachment& attachment) = 0;
  virtual Result<void> check(const Attachment& attachment) = 0;
};

}  // namespace berth::netcni
