// SPDX-License-Identifier: Apache-2.0
#include "image/trust/policy_requirement.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/cat.hpp"
#include "image/registry/base64.hpp"
#include "image/trust/identity.hpp"

namespace berth::image {
namespace {

Error wrong(std::string_view where, std::string_view what) {
  return {Code::kInvalidArgument, cat(where, ": ", what)};
}

Result<std::vector<std::string>> key_texts(const Json& value, std::string_view key,
                                           const std::string& where) {
  std::vector<std::string> texts;
  const bool plural = key.ends_with('s');
  const Json list = plural ? value : Json::array({value});
  if (!list.is_array() || list.empty()) return wrong(where, cat("\"", key, "\" is not a list of strings"));
  for (const Json& item : list) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty())
      return wrong(where, cat("\"", key, "\" must hold strings that are not empty"));
    texts.push_back(item.get_ref<const std::string&>());
  }
  return texts;
}

/// Exactly one of `names`.
Result<std::vector<KeySource>> parse_keys(const Json& object, std::initializer_list<std::string_view> names,
                                          const std::string& where) {
  std::string_view given;
  std::string known;
  for (const std::string_view name : names) {
    known += cat(known.empty() ? "" : ", ", name);
    if (!object.contains(name)) continue;
    if (!given.empty()) return wrong(where, cat("both ", given, " and ", name, " are there: one is enough"));
    given = name;
  }
  if (given.empty()) return wrong(where, cat("one of ", known, " must be there"));
  ASSIGN_OR_RETURN(const auto texts, key_texts(*object.find(given), given, where));
  std::vector<KeySource> keys;
  for (const std::string& text : texts) {
    if (given.starts_with("keyPath")) {
      if (!text.starts_with('/')) return wrong(where, cat("\"", text, "\" is not an absolute path"));
      keys.push_back({text, {}});
    } else {
      auto data = decode_base64(text);
      if (!data) return wrong(where, cat(given, " is not valid base64"));
      keys.push_back({{}, *std::move(data)});
    }
  }
  return keys;
}

Result<SignedIdentity> parse_named_identity(const Json& object, const char* key, SignedIdentity::Kind kind,
                                            const std::string& where) {
  RETURN_IF_ERROR(check_policy_keys(object, {"type", key}, where));
  SignedIdentity identity;
  identity.kind = kind;
  ASSIGN_OR_RETURN(identity.name, json_string(object, key, where));
  if (auto reference = parse_reference(identity.name); !reference)
    return wrong(where, reference.error().to_string());
  if (kind == SignedIdentity::Kind::kExactReference && is_name_only(identity.name))
    return wrong(where, cat("\"", identity.name, "\" has neither tag nor digest"));
  return identity;
}

Result<SignedIdentity> parse_remap(const Json& object, const std::string& where) {
  RETURN_IF_ERROR(check_policy_keys(object, {"type", "prefix", "signedPrefix"}, where));
  SignedIdentity identity;
  identity.kind = SignedIdentity::Kind::kRemap;
  ASSIGN_OR_RETURN(identity.prefix, json_string(object, "prefix", where));
  ASSIGN_OR_RETURN(identity.signed_prefix, json_string(object, "signedPrefix", where));
  for (const std::string& prefix : {identity.prefix, identity.signed_prefix}) {
    // A host, or a host and a path: with one more component it is an image's name.
    const auto longer = parse_reference(cat(prefix, "/x"));
    const bool fits = longer && longer->has_host && longer->name() == cat(prefix, "/x");
    if (!fits) return wrong(where, cat("\"", prefix, "\" is not a registry or a part of its names"));
  }
  return identity;
}

Result<SignedIdentity> parse_identity(const Json& object, const std::string& where) {
  using Kind = SignedIdentity::Kind;
  ASSIGN_OR_RETURN(const std::string type, json_string(object, "type", where));
  if (type == "exactReference")
    return parse_named_identity(object, "dockerReference", Kind::kExactReference, where);
  if (type == "exactRepository")
    return parse_named_identity(object, "dockerRepository", Kind::kExactRepository, where);
  if (type == "remapIdentity") return parse_remap(object, where);
  static constexpr std::array<std::pair<const char*, Kind>, 3> kPlain = {
      {{"matchExact", Kind::kExact},
       {"matchRepoDigestOrExact", Kind::kRepoDigestOrExact},
       {"matchRepository", Kind::kRepository}}};
  for (const auto& [name, kind] : kPlain) {
    if (type != name) continue;
    RETURN_IF_ERROR(check_policy_keys(object, {"type"}, where));
    SignedIdentity identity;
    identity.kind = kind;
    return identity;
  }
  return wrong(where, cat("unknown type \"", type, "\""));
}

Result<void> add_identity(const Json& object, const std::string& where, Requirement& requirement) {
  const auto found = object.find("signedIdentity");
  if (found == object.end()) return {};
  ASSIGN_OR_RETURN(requirement.identity, parse_identity(*found, cat(where, ".signedIdentity")));
  return {};
}

Result<Requirement> parse_sigstore_signed(const Json& object, const std::string& where) {
  for (const auto& item : object.items()) {
    const std::string& key = item.key();
    if (key != "fulcio" && key != "pki" && !key.starts_with("rekor")) continue;
    return wrong(where, cat("\"", key,
                            "\" is not supported: only public keys are (keyPath, keyPaths, keyData, "
                            "keyDatas); images signed without a key of one's own cannot be checked"));
  }
  RETURN_IF_ERROR(check_policy_keys(
      object, {"type", "keyPath", "keyPaths", "keyData", "keyDatas", "signedIdentity"}, where));
  Requirement requirement;
  requirement.kind = Requirement::Kind::kSigstoreSigned;
  ASSIGN_OR_RETURN(requirement.keys,
                   parse_keys(object, {"keyPath", "keyPaths", "keyData", "keyDatas"}, where));
  RETURN_IF_ERROR(add_identity(object, where, requirement));
  return requirement;
}

Result<Requirement> parse_signed_by(const Json& object, const std::string& where) {
  RETURN_IF_ERROR(check_policy_keys(
      object, {"type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"}, where));
  ASSIGN_OR_RETURN(const std::string type, json_string(object, "keyType", where));
  if (type != "GPGKeys") return wrong(where, cat("keyType \"", type, "\" is not supported: only GPGKeys is"));
  Requirement requirement;
  requirement.kind = Requirement::Kind::kSignedBy;
  ASSIGN_OR_RETURN(requirement.keys, parse_keys(object, {"keyPath", "keyPaths", "keyData"}, where));
  RETURN_IF_ERROR(add_identity(object, where, requirement));
  return requirement;
}

}  // namespace

Result<void> check_policy_keys(const Json& object, std::initializer_list<std::string_view> known,
                               const std::string& where) {
  if (!object.is_object()) return wrong(where, "not an object");
  for (const auto& item : object.items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end())
      return wrong(where, cat("unknown key \"", item.key(), "\""));
  }
  return {};
}

Result<Requirement> parse_requirement(const Json& object, const std::string& where) {
  ASSIGN_OR_RETURN(const std::string type, json_string(object, "type", where));
  if (type == "sigstoreSigned") return parse_sigstore_signed(object, where);
  if (type == "signedBy") return parse_signed_by(object, where);
  const bool accepts = type == "insecureAcceptAnything";
  if (!accepts && type != "reject") return wrong(where, cat("unknown type \"", type, "\""));
  RETURN_IF_ERROR(check_policy_keys(object, {"type"}, where));
  Requirement requirement;
  requirement.kind = accepts ? Requirement::Kind::kAcceptAnything : Requirement::Kind::kReject;
  return requirement;
}

}  // namespace berth::image
