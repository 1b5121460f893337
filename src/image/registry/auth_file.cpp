// SPDX-License-Identifier: Apache-2.0
#include "image/registry/auth_file.hpp"

#include <utility>

#include "base/cat.hpp"
#include "base/json.hpp"
#include "image/registry/hosts.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxAuthText = 4U << 20;
constexpr std::string_view kHubKey = "docker.io";
constexpr std::string_view kHubForHelpers = "https://index.docker.io/v1/";

// "https://index.docker.io/v1/", "quay.io/", "quay.io/team" as Docker and its heirs wrote them over the
// years.
std::string plain_key(std::string_view key) {
  const std::size_t scheme = key.find("://");
  if (scheme != std::string_view::npos) key.remove_prefix(scheme + 3);
  while (key.ends_with('/')) key.remove_suffix(1);
  const std::size_t slash = key.find('/');
  std::string host(key.substr(0, slash));
  if (host == "index.docker.io" || host == "registry-1.docker.io") host = kHubKey;
  const std::string_view path = slash == std::string_view::npos ? std::string_view() : key.substr(slash);
  return path == "/v1" || path == "/v2" ? host : cat(host, path);
}

Result<Credentials> read_auth_entry(const Json& entry, const std::string& subject) {
  Credentials credentials;
  ASSIGN_OR_RETURN(const std::string auth, json_string_or(entry, "auth", "", subject));
  if (!auth.empty()) {
    auto basic = parse_basic_auth(auth);
    if (!basic) return std::move(basic).context(subject).error();
    credentials = *std::move(basic);
  } else {
    ASSIGN_OR_RETURN(credentials.username, json_string_or(entry, "username", "", subject));
    ASSIGN_OR_RETURN(credentials.password, json_string_or(entry, "password", "", subject));
  }
  ASSIGN_OR_RETURN(credentials.identity_token, json_string_or(entry, "identitytoken", "", subject));
  ASSIGN_OR_RETURN(credentials.registry_token, json_string_or(entry, "registrytoken", "", subject));
  return credentials;
}

/// The member `name` as an object; null when absent.
Result<const Json*> object_of(const Json& document, const char* name, const std::string& subject) {
  const auto found = document.find(name);
  if (found == document.end() || found->is_null()) return static_cast<const Json*>(nullptr);
  if (!found->is_object())
    return Error(Code::kInvalidArgument, cat(subject, ": ", name, " is not an object"));
  return &*found;
}

Result<void> read_auths(const Json* auths, const std::string& subject, AuthFile& file) {
  if (auths == nullptr) return {};
  for (const auto& [key, entry] : auths->items()) {
    const std::string where = cat(subject, ": auths.\"", key.substr(0, 200), "\"");
    if (!entry.is_object()) return Error(Code::kInvalidArgument, cat(where, " is not an object"));
    ASSIGN_OR_RETURN(Credentials credentials, read_auth_entry(entry, where));
    // Docker leaves an empty entry behind where a helper has the secret.
    if (credentials.empty()) continue;
    const std::string plain = plain_key(key);
    // Of two spellings of one server the plain one is newer.
    if (plain == key || !file.auths.contains(plain)) file.auths[plain] = std::move(credentials);
  }
  return {};
}

template <class Map>
auto find_most_specific(const Map& map, const Endpoint& endpoint) {
  for (const std::string& name : AuthFile::names_of(endpoint)) {
    if (const auto found = map.find(name); found != map.end()) return found;
  }
  return map.end();
}

}  // namespace

std::vector<std::string> AuthFile::names_of(const Endpoint& endpoint) {
  std::vector<std::string> names;
  std::string name = cat(logical_host(endpoint.host), "/", endpoint.path);
  while (true) {
    names.push_back(name);
    const std::size_t slash = name.rfind('/');
    if (slash == std::string::npos) return names;
    name.resize(slash);
  }
}

const Credentials* AuthFile::find(const Endpoint& endpoint) const {
  const auto found = find_most_specific(auths, endpoint);
  return found == auths.end() ? nullptr : &found->second;
}

std::optional<AuthFile::Helper> AuthFile::find_named_helper(const Endpoint& endpoint) const {
  const auto found = find_most_specific(helpers, endpoint);
  if (found == helpers.end()) return std::nullopt;
  return found->second;
}

std::optional<AuthFile::Helper> AuthFile::find_store(const Endpoint& endpoint) const {
  if (store.empty()) return std::nullopt;
  const std::string host = logical_host(endpoint.host);
  return Helper{store, std::string(host == kHubKey ? kHubForHelpers : std::string_view(host))};
}

Result<AuthFile> parse_auth_file(std::string_view text, const std::string& subject) {
  AuthFile file;
  ASSIGN_OR_RETURN(const Json document, parse_json(text, kMaxAuthText, subject));
  if (!document.is_object()) return Error(Code::kInvalidArgument, cat(subject, ": not an object"));
  ASSIGN_OR_RETURN(const Json* auths, object_of(document, "auths", subject));
  RETURN_IF_ERROR(read_auths(auths, subject, file));
  ASSIGN_OR_RETURN(const Json* helpers, object_of(document, "credHelpers", subject));
  if (helpers != nullptr) {
    for (const auto& [key, name] : helpers->items()) {
      if (!name.is_string())
        return Error(Code::kInvalidArgument, cat(subject, ": credHelpers.\"", key, "\" is not a string"));
      file.helpers[plain_key(key)] = {name.get<std::string>(), key};
    }
  }
  ASSIGN_OR_RETURN(file.store, json_string_or(document, "credsStore", "", subject));
  return file;
}

}  // namespace berth::image
