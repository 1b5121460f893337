// SPDX-License-Identifier: Apache-2.0
#include "image/trust/registries_d.hpp"

#include <algorithm>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/trust/policy.hpp"
#include "image/trust/yaml.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxRegistriesD = 1U << 20;
constexpr const char* kFallback = "default-docker";

Error wrong_registries_d(const std::string& where, std::string_view what) {
  return {Code::kInvalidArgument, cat(where, ": ", what)};
}

Result<bool> parse_truth(const Json& value, const std::string& where) {
  if (value == "true") return true;
  if (value == "false") return false;
  return wrong_registries_d(where, "must be true or false");
}

Result<SignaturePlace> parse_place(const Json& object, const std::string& where) {
  if (!object.is_object()) return wrong_registries_d(where, "is not a mapping");
  SignaturePlace place;
  std::string old_name;
  for (const auto& item : object.items()) {
    const std::string& key = item.key();
    const std::string at = cat(where, ": ", key);
    if (key == "use-sigstore-attachments") {
      ASSIGN_OR_RETURN(place.in_registry, parse_truth(item.value(), at));
    } else if (key == "lookaside" || key == "sigstore") {
      ASSIGN_OR_RETURN(std::string url, json_string(object, key, where));
      const bool known =
          url.starts_with("https://") || url.starts_with("http://") || url.starts_with("file:///");
      if (!known) return wrong_registries_d(at, cat("\"", url, "\" is not an https, http or file URL"));
      while (url.ends_with('/')) url.pop_back();
      (key == "lookaside" ? place.lookaside : old_name) = std::move(url);
    } else if (key != "lookaside-staging" && key != "sigstore-staging") {
      return wrong_registries_d(where, cat("unknown key \"", key, "\""));
    }
  }
  if (place.lookaside.empty()) place.lookaside = std::move(old_name);
  return place;
}

bool says_nothing(const SignaturePlace& place) {
  return place.lookaside.empty() && !place.in_registry;
}

}  // namespace

SignaturePlace RegistriesD::find(const Reference& reference) const {
  SignaturePlace found;
  const auto take = [&found](const SignaturePlace& place) {
    if (found.lookaside.empty()) found.lookaside = place.lookaside;
    if (!found.in_registry) found.in_registry = place.in_registry;
  };
  for (const std::string& scope : scopes_of(reference)) {
    if (const auto at = scopes.find(scope); at != scopes.end()) take(at->second);
  }
  take(fallback);
  return found;
}

Result<void> RegistriesD::merge(RegistriesD other, const std::string& subject) {
  if (!says_nothing(fallback) && !says_nothing(other.fallback))
    return wrong_registries_d(subject, cat(kFallback, " is in another file, too"));
  if (says_nothing(fallback)) fallback = std::move(other.fallback);
  for (auto& [scope, place] : other.scopes) {
    if (!scopes.try_emplace(scope, std::move(place)).second)
      return wrong_registries_d(subject, cat("docker: \"", scope, "\" is in another file, too"));
  }
  return {};
}

Result<RegistriesD> parse_registries_d(std::string_view text, const std::string& subject) {
  ASSIGN_OR_RETURN(const Json document, parse_yaml(text, kMaxRegistriesD, subject));
  RegistriesD result;
  if (document.is_null()) return result;
  if (!document.is_object()) return wrong_registries_d(subject, "is not a mapping");
  for (const auto& item : document.items()) {
    if (item.value().is_null()) continue;
    const std::string where = cat(subject, ": ", item.key());
    if (item.key() == kFallback) {
      ASSIGN_OR_RETURN(result.fallback, parse_place(item.value(), where));
    } else if (item.key() == "docker") {
      if (!item.value().is_object()) return wrong_registries_d(where, "is not a mapping");
      for (const auto& scope : item.value().items()) {
        ASSIGN_OR_RETURN(result.scopes[scope.key()],
                         parse_place(scope.value(), cat(where, ": ", scope.key())));
      }
    } else {
      return wrong_registries_d(subject, cat("unknown key \"", item.key(), "\""));
    }
  }
  return result;
}

Result<RegistriesD> load_registries_d(const std::string& dir) {
  RegistriesD all;
  if (dir.empty() || !exists(dir)) return all;
  ASSIGN_OR_RETURN(std::vector<std::string> names, list_dir(dir));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (!name.ends_with(".yaml")) continue;
    const std::string path = cat(dir, "/", name);
    ASSIGN_OR_RETURN(const std::string text, read_file(path, kMaxRegistriesD));
    ASSIGN_OR_RETURN(RegistriesD file, parse_registries_d(text, path));
    RETURN_IF_ERROR(all.merge(std::move(file), path));
  }
  return all;
}

}  // namespace berth::image
