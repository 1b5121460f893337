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
    endpoints.back().said_by = cat("mirror of \"", rule->prefix, "\" in ", rule->said_by);
  }
  endpoints.push_back(rewrite(name, matched, rule->location, rule->insecure));
  endpoints.back().said_by = cat("registry \"", rule->prefix, "\" in ", rule->said_by);
  for (const Endpoint& endpoint : endpoints) {
    if (!endpoint.path.empty()) continue;
    return Error(Code::kInvalidArgument,
                 cat("registries.conf turns \"", name, "\" into the bare host \"", endpoint.host, "\""));
  }
  return endpoints;
}

Result<std::vector<Reference>> candidate_references(const RegistriesConf& conf, const Reference& reference) {
  if (reference.has_host) return std::vector<Reference>{reference};
  const ShortNameMode mode = conf.short_name_mode.value_or(ShortNameMode::kPermissive);
  if (mode != ShortNameMode::kDisabled) {
    for (const std::string& name : {with_host(reference, "").path, reference.path}) {
      const auto alias = conf.aliases.find(name);
      if (alias == conf.aliases.end() || alias->second.empty()) continue;
      ASSIGN_OR_RETURN(Reference meant, parse_reference(alias->second));
      meant.tag = reference.tag;
      meant.digest = reference.digest;
      return std::vector<Reference>{std::move(meant)};
    }
  }
  if (!conf.search) return std::vector<Reference>{reference};
  const std::vector<std::string>& search = *conf.search;
  if (search.empty()) {
    return Error(Code::kInvalidArgument,
                 cat("the short name \"", with_host(reference, "").path,
                     "\" has no alias, and registries.conf names no registry to search for it"));
  }
  if (mode == ShortNameMode::kEnforcing && search.size() > 1) {
    return Error(Code::kInvalidArgument,
                 cat("the short name \"", with_host(reference, "").path, "\" may mean an image of any of ",
                     search.size(),
                     " search registries, and short-name-mode = \"enforcing\" forbids to guess: write the "
                     "registry's host"));
  }
  std::vector<Reference> candidates;
  for (const std::string& host : search) candidates.push_back(with_host(reference, host));
  return candidates;
}

std::string logical_host(const std::string& host) {
  return std::string(host == kHubServer ? kHubName : std::string_view(host));
}

}  // namespace berth::image
