// SPDX-License-Identifier: Apache-2.0
#include "image/registry/hosts.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/cat.hpp"

namespace berth::image {
namespace {

// Docker Hub's names say docker.io, its registry answers elsewhere.
constexpr std::string_view kHubName = "docker.io";
constexpr std::string_view kHubServer = "registry-1.docker.io";

// `name` with its first `matched` characters replaced by `location`, split into host and path.
Endpoint rewrite(const std::string& name, std::size_t matched, const std::string& location, bool insecure) {
  const std::string moved = location.empty() ? name : location + name.substr(std::min(matched, name.size()));
  const std::size_t slash = moved.find('/');
  Endpoint endpoint;
  endpoint.host = moved.substr(0, slash);
  endpoint.path = slash == std::string::npos ? std::string() : moved.substr(slash + 1);
  endpoint.insecure = insecure;
  if (endpoint.host == kHubName) endpoint.host = kHubServer;
  return endpoint;
}

bool serves(MirrorUse use, const Reference& reference) {
  if (use == MirrorUse::kDigestOnly) return reference.digest.has_value();
  if (use == MirrorUse::kTagOnly) return !reference.digest.has_value();
  return true;
}

}  // namespace

Result<std::vector<Endpoint>> resolve_endpoints(const RegistriesConf& conf, const Reference& reference) {
  const std::string name = reference.name();
  const RegistriesConf::Rule* rule = conf.find(reference);
  if (rule == nullptr) return std::vector<Endpoint>{rewrite(name, 0, "", false)};
  if (rule->blocked) {
    return Error(Code::kPermissionDenied, cat("registries.conf blocks \"", rule->prefix, "\""));
  }
  const std::size_t matched = matched_length(rule->prefix, reference);
  std::vector<Endpoint> endpoints;
  for (const auto& mirror : rule->mirrors) {
    if (!serves(mirror.use, reference)) continue;
    endpoints.push_back(rewrite(name, matched, mirror.location, mirror.insecure));
    endpoints.back().is_mirror = true;
  }
  endpoints.push_back(rewrite(name, matched, rule->location, rule->insecure));
  for (const Endpoint& endpoint : endpoints) {
    if (!endpoint.path.empty()) continue;
    return Error(Code::kInvalidArgument,
                 cat("registries.conf turns \"", name, "\" into the bare host \"", endpoint.host, "\""));
  }
  return endpoints;
}

std::vector<Reference> candidate_references(const RegistriesConf& conf, const Reference& reference) {
  if (reference.has_host || conf.search.empty()) return {reference};
  std::vector<Reference> candidates;
  for (const std::string& host : conf.search) candidates.push_back(with_host(reference, host));
  return candidates;
}

}  // namespace berth::image
