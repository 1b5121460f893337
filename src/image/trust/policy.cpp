// SPDX-License-Identifier: Apache-2.0
#include "image/trust/policy.hpp"

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/trust/policy_requirement.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxPolicy = 4U << 20;
constexpr const char* kRegistries = "docker";

Error wrong_policy(std::string_view where, std::string_view what) {
  return {Code::kInvalidArgument, cat(where, ": ", what)};
}

Result<Requirements> parse_requirements(const Json& list, const std::string& where) {
  if (!list.is_array() || list.empty())
    return wrong_policy(where, "must be a list with at least one requirement");
  Requirements requirements;
  for (std::size_t at = 0; at < list.size(); ++at) {
    ASSIGN_OR_RETURN(Requirement requirement, parse_requirement(list[at], cat(where, "[", at, "]")));
    requirements.push_back(std::move(requirement));
  }
  return requirements;
}

std::vector<std::string> directories_of(std::string path) {
  std::vector<std::string> scopes;
  for (; path.size() > 1; path.resize(path.rfind('/'))) scopes.push_back(path);
  return scopes;
}

Policy::Ruling find_ruling(const Policy& policy, const std::string& transport,
                           const std::vector<std::string>& scopes) {
  const auto found = policy.transports.find(transport);
  if (found == policy.transports.end()) return {};
  for (const std::string& scope : scopes) {
    const auto ruling = found->second.find(scope);
    if (ruling != found->second.end()) return {&ruling->second, cat(transport, " \"", scope, "\"")};
  }
  const auto rest = found->second.find("");
  if (rest == found->second.end()) return {};
  return {&rest->second, cat(transport, " \"\"")};
}

}  // namespace

std::vector<std::string> scopes_of(const Reference& reference) {
  std::vector<std::string> scopes{reference.text()};
  std::string name = reference.name();
  while (true) {
    scopes.push_back(name);
    const std::size_t slash = name.rfind('/');
    if (slash == std::string::npos) break;
    name.resize(slash);
  }
  // A wildcard covers all ports.
  std::string_view host = name;
  host = host.substr(0, host.find(':'));
  for (auto dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.')) {
    host.remove_prefix(dot + 1);
    scopes.push_back(cat("*.", host));
  }
  return scopes;
}

Policy::Ruling Policy::rule(const Reference& reference) const {
  Ruling ruling = find_ruling(*this, kRegistries, scopes_of(reference));
  return ruling.requirements != nullptr ? ruling : Ruling{&fallback, "default"};
}

Policy::Ruling Policy::rule(const std::string& transport, const std::string& path, bool listed) const {
  Ruling ruling = find_ruling(*this, transport, directories_of(path));
  return ruling.requirements != nullptr || listed ? ruling : Ruling{&fallback, "default"};
}

Result<Policy> parse_policy(std::string_view text, const std::string& subject) {
  ASSIGN_OR_RETURN(const Json document, parse_json(text, kMaxPolicy, subject));
  RETURN_IF_ERROR(check_policy_keys(document, {"default", "transports"}, subject));
  const auto fallback = document.find("default");
  if (fallback == document.end()) return wrong_policy(subject, "\"default\" is missing");
  Policy policy;
  ASSIGN_OR_RETURN(policy.fallback, parse_requirements(*fallback, cat(subject, ": default")));
  const auto transports = document.find("transports");
  if (transports == document.end()) return policy;
  if (!transports->is_object()) return wrong_policy(subject, "\"transports\" is not an object");
  for (const auto& transport : transports->items()) {
    const std::string where = cat(subject, ": transports.", transport.key());
    if (!transport.value().is_object()) return wrong_policy(where, "not an object");
    auto& scopes = policy.transports[transport.key()];
    for (const auto& scope : transport.value().items()) {
      ASSIGN_OR_RETURN(scopes[scope.key()],
                       parse_requirements(scope.value(), cat(where, "[\"", scope.key(), "\"]")));
    }
  }
  return policy;
}

Result<Policy> load_policy(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, read_file(path, kMaxPolicy));
  return parse_policy(text, path);
}

}  // namespace berth::image
