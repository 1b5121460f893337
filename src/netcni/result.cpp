// SPDX-License-Identifier: Apache-2.0
#include "netcni/result.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/cat.hpp"
#include "netcni/conflist.hpp"
#include "netcni/names.hpp"

namespace berth::netcni {
namespace {

Error invalid(std::string_view subject, std::string_view problem) {
  return {Code::kInternal, cat(subject, ": ", problem)};
}

/// A member that must be an array when it is there; null stands for "absent", as Go prints it.
Result<Json> array_or_empty(const Json& object, const char* key, std::string_view subject) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return Json::array();
  if (!found->is_array()) return invalid(subject, cat("\"", key, "\" is not a list"));
  return *found;
}

/// "10.0.0.5/24" to "10.0.0.5"; empty when it is not an address with a prefix length.
std::string without_prefix(const std::string& cidr) {
  const std::size_t slash = cidr.find('/');
  if (slash == std::string::npos) return "";
  std::string ip = canonical_ip(cidr.substr(0, slash));
  const char* const end = cidr.data() + cidr.size();
  unsigned length = 0;
  const auto [rest, problem] = std::from_chars(cidr.data() + slash + 1, end, length);
  const unsigned longest = ip.find(':') == std::string::npos ? 32 : 128;
  if (problem != std::errc() || rest != end || length > longest) return "";
  return ip;
}

Result<void> check_ip(const Json& ip, std::size_t interface_count, std::string_view subject) {
  ASSIGN_OR_RETURN(const std::string address, json_string(ip, "address", subject));
  if (without_prefix(address).empty())
    return invalid(subject, cat("\"", printable(address, 80), "\" is not an IP address with prefix length"));
  ASSIGN_OR_RETURN(const std::string gateway, json_string_or(ip, "gateway", "", subject));
  if (!gateway.empty() && canonical_ip(gateway).empty()) {
    return invalid(subject, cat("gateway \"", printable(gateway, 80), "\" is not an IP address"));
  }
  const auto index = ip.find("interface");
  if (index == ip.end() || index->is_null()) return {};
  if (!index->is_number_unsigned() || index->get<std::uint64_t>() >= interface_count) {
    return invalid(subject, cat("the address ", address, " belongs to an interface that is not listed"));
  }
  return {};
}

Result<void> check_result(const Json& result, std::string_view subject) {
  ASSIGN_OR_RETURN(const Json interfaces, array_or_empty(result, "interfaces", subject));
  for (const Json& interface : interfaces) {
    RETURN_IF_ERROR(json_string(interface, "name", subject));
    RETURN_IF_ERROR(json_string_or(interface, "sandbox", "", subject));
  }
  ASSIGN_OR_RETURN(const Json ips, array_or_empty(result, "ips", subject));
  for (const Json& ip : ips) RETURN_IF_ERROR(check_ip(ip, interfaces.size(), subject));
  if (const auto dns = result.find("dns"); dns != result.end() && !dns->is_null() && !dns->is_object()) {
    return invalid(subject, "\"dns\" is not an object");
  }
  return {};
}

enum class Tie { kSandboxInterface, kNone, kOtherSandbox, kHost };

Tie tie_of(const Json& result, const Json& ip, std::string_view ifname) {
  const auto index = ip.find("interface");
  if (index == ip.end() || index->is_null()) return Tie::kNone;
  const Json& interface = result["interfaces"][index->get<std::size_t>()];
  const auto sandbox = interface.find("sandbox");
  if (sandbox == interface.end() || sandbox->is_null() || *sandbox == "") return Tie::kHost;
  return interface["name"] == std::string(ifname) ? Tie::kSandboxInterface : Tie::kOtherSandbox;
}

}  // namespace

std::string canonical_ip(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> out{};
  const int family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (text.find('\0') != std::string::npos || ::inet_pton(family, text.c_str(), bytes.data()) != 1) return "";
  ::inet_ntop(family, bytes.data(), out.data(), out.size());
  return out.data();
}

Result<Json> parse_result(std::string_view text, std::string_view version, std::string_view subject) {
  ASSIGN_OR_RETURN(Json result, parse_json(text, kMaxPluginOutput, subject));
  if (!result.is_object()) return invalid(subject, "not a JSON object");
  ASSIGN_OR_RETURN(const std::string stated, json_string_or(result, "cniVersion", "", subject));
  if (stated.empty()) {
    result["cniVersion"] = std::string(version);
  } else if (!is_supported_version(stated)) {
    return invalid(subject, cat("CNI version \"", printable(stated, 20), "\" is not supported"));
  }
  RETURN_IF_ERROR(check_result(result, subject));
  return result;
}

std::vector<std::string> pod_ips(const Json& result, std::string_view ifname) {
  const auto ips = result.find("ips");
  if (ips == result.end() || !ips->is_array()) return {};
  for (const Tie wanted : {Tie::kSandboxInterface, Tie::kNone, Tie::kOtherSandbox}) {
    std::vector<std::string> found;
    for (const Json& ip : *ips) {
      if (tie_of(result, ip, ifname) == wanted)
        found.push_back(without_prefix(ip["address"].get<std::string>()));
    }
    if (!found.empty()) return found;
  }
  return {};
}

Json make_result(std::string_view version, std::string_view ifname, std::string_view netns,
                 const std::vector<std::string>& ips) {
  Json addresses = Json::array();
  for (const std::string& ip : ips) {
    const bool v6 = ip.find(':') != std::string::npos;
    Json address{{"address", ip + (v6 ? "/128" : "/32")}, {"interface", 0}};
    if (version.starts_with("0.")) address["version"] = v6 ? "6" : "4";
    addresses.push_back(std::move(address));
  }
  return {{"cniVersion", version},
          {"interfaces", Json::array({{{"name", ifname}, {"sandbox", netns}}})},
          {"ips", std::move(addresses)}};
}

}  // namespace berth::netcni
