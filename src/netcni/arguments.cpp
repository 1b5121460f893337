// SPDX-License-Identifier: Apache-2.0
#include "netcni/arguments.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/cat.hpp"
#include "netcni/names.hpp"
#include "netcni/quantity.hpp"

namespace berth::netcni {
namespace {

constexpr std::size_t kMaxStored = 4 * 1024 * 1024;
constexpr std::size_t kMaxPath = 4096;

Result<void> check_netns(const std::string& path) {
  const bool valid = path.starts_with('/') && path.size() < kMaxPath && path.find('\0') == std::string::npos;
  if (!valid)
    return Error(Code::kInvalidArgument,
                 cat("network namespace \"", printable(path, 80), "\" is not an absolute path"));
  return {};
}

Result<std::string> cni_args(const AttachRequest& request) {
  RETURN_IF_ERROR(check_argument(request.namespace_, "pod namespace"));
  RETURN_IF_ERROR(check_argument(request.name, "pod name"));
  RETURN_IF_ERROR(check_argument(request.uid, "pod uid"));
  return cat("IgnoreUnknown=1;K8S_POD_NAMESPACE=", request.namespace_, ";K8S_POD_NAME=", request.name,
             ";K8S_POD_INFRA_CONTAINER_ID=", request.pod_id, ";K8S_POD_UID=", request.uid);
}

Result<Json> port_mappings(const std::vector<PortMapping>& mappings) {
  Json list = Json::array();
  for (const PortMapping& mapping : mappings) {
    if (mapping.host_port == 0) continue;  // the CRI's way to say "only documented"
    if (mapping.container_port == 0)
      return Error(Code::kInvalidArgument,
                   cat("host port ", mapping.host_port, " is mapped to no container port"));
    std::string protocol = mapping.protocol.empty() ? "tcp" : mapping.protocol;
    std::transform(protocol.begin(), protocol.end(), protocol.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
      return Error(Code::kInvalidArgument,
                   cat("port mapping with unknown protocol \"", printable(protocol, 20), "\""));
    }
    Json entry{
        {"hostPort", mapping.host_port}, {"containerPort", mapping.container_port}, {"protocol", protocol}};
    if (!mapping.host_ip.empty()) entry["hostIP"] = mapping.host_ip;
    list.push_back(std::move(entry));
  }
  return list;
}

/// From the annotations that Kubernetes documents for the bandwidth plugin; empty without them.
Result<Json> bandwidth(const std::map<std::string, std::string>& annotations) {
  struct Direction {
    const char* annotation;
    const char* rate;
    const char* burst;
  };
  constexpr Direction kDirections[] = {{"kubernetes.io/ingress-bandwidth", "ingressRate", "ingressBurst"},
                                       {"kubernetes.io/egress-bandwidth", "egressRate", "egressBurst"}};
  Json limits = Json::object();
  for (const Direction& direction : kDirections) {
    const auto found = annotations.find(direction.annotation);
    if (found == annotations.end()) continue;
    auto rate = parse_bandwidth(found->second);
    if (!rate) return std::move(rate).context(cat("annotation ", direction.annotation)).error();
    limits[direction.rate] = *rate;
    // Bits; the plugin wants one, and nobody wants it to be the limit.
    limits[direction.burst] = std::numeric_limits<std::int32_t>::max();
  }
  return limits;
}

Json dns(const AttachRequest& request) {
  Json config = Json::object();
  if (!request.dns_servers.empty()) config["servers"] = request.dns_servers;
  if (!request.dns_searches.empty()) config["searches"] = request.dns_searches;
  if (!request.dns_options.empty()) config["options"] = request.dns_options;
  return config;
}

Result<Json> capabilities_of(const AttachRequest& request) {
  Json all = Json::object();
  ASSIGN_OR_RETURN(all["portMappings"], port_mappings(request.port_mappings));
  ASSIGN_OR_RETURN(all["bandwidth"], bandwidth(request.annotations));
  all["dns"] = dns(request);
  all["io.kubernetes.cri.pod-annotations"] = request.annotations;
  all["cgroupPath"] = request.cgroup_parent;
  // What there is nothing to say about is left out, rather than passed as an empty value.
  Json present = Json::object();
  for (auto& [key, value] : all.items()) {
    if (!value.empty() && value != "") present[key] = std::move(value);
  }
  return present;
}

}  // namespace

Result<Arguments> arguments_of(const AttachRequest& request) {
  RETURN_IF_ERROR(check_identifier(request.pod_id, "pod id"));
  RETURN_IF_ERROR(check_netns(request.netns));
  Arguments arguments;
  arguments.container_id = request.pod_id;
  arguments.netns = request.netns;
  arguments.ifname = std::string(kPodInterface);
  ASSIGN_OR_RETURN(arguments.cni_args, cni_args(request));
  ASSIGN_OR_RETURN(arguments.capabilities, capabilities_of(request));
  return arguments;
}

std::string to_json(const Arguments& arguments) {
  return to_text({{"containerId", arguments.container_id},
                  {"netns", arguments.netns},
                  {"ifName", arguments.ifname},
                  {"cniArgs", arguments.cni_args},
                  {"runtimeConfig", arguments.capabilities}});
}

Result<Arguments> arguments_from_json(std::string_view text) {
  constexpr std::string_view kSubject = "stored CNI arguments";
  ASSIGN_OR_RETURN(const Json object, parse_json(text, kMaxStored, kSubject));
  Arguments arguments;
  ASSIGN_OR_RETURN(arguments.container_id, json_string(object, "containerId", kSubject));
  ASSIGN_OR_RETURN(arguments.netns, json_string(object, "netns", kSubject));
  ASSIGN_OR_RETURN(arguments.ifname, json_string(object, "ifName", kSubject));
  ASSIGN_OR_RETURN(arguments.cni_args, json_string(object, "cniArgs", kSubject));
  RETURN_IF_ERROR(check_identifier(arguments.container_id, "pod id").context(std::string(kSubject)));
  RETURN_IF_ERROR(check_netns(arguments.netns).context(std::string(kSubject)));
  if (arguments.ifname != kPodInterface)
    return Error(Code::kInvalidArgument, cat(kSubject, ": unexpected interface name"));
  if (arguments.cni_args != printable(arguments.cni_args, kMaxStored))
    return Error(Code::kInvalidArgument, cat(kSubject, ": unprintable CNI_ARGS"));
  const auto capabilities = object.find("runtimeConfig");
  if (capabilities == object.end() || !capabilities->is_object()) {
    return Error(Code::kInvalidArgument, cat(kSubject, ": \"runtimeConfig\" is not an object"));
  }
  arguments.capabilities = *capabilities;
  return arguments;
}

}  // namespace berth::netcni
