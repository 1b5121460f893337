// SPDX-License-Identifier: Apache-2.0
#include "image/trust/payload.hpp"

#include "base/cat.hpp"
#include "base/json.hpp"
#include "image/trust/policy_requirement.hpp"

namespace berth::image {
namespace {

constexpr const char* kPayload = "the signed payload";

Result<const Json*> exact_object(const Json& object, std::initializer_list<std::string_view> keys,
                                 const std::string& where) {
  RETURN_IF_ERROR(check_policy_keys(object, keys, where));
  for (const std::string_view key : keys) {
    if (!object.contains(key)) return Error(Code::kInvalidArgument, cat(where, ": \"", key, "\" is missing"));
  }
  return &object;
}

/// Nothing of it is used; what it must be is checked nevertheless, as other readers do.
Result<void> check_optional(const Json& optional, SignatureKind kind) {
  if (optional.is_null() && kind == SignatureKind::kSigstore) return {};
  if (!optional.is_object())
    return Error(Code::kInvalidArgument, cat(kPayload, ": \"optional\" is not an object"));
  const auto creator = optional.find("creator");
  const auto timestamp = optional.find("timestamp");
  const bool fits = (creator == optional.end() || creator->is_string()) &&
                    (timestamp == optional.end() || timestamp->is_number_integer());
  if (fits) return {};
  return Error(Code::kInvalidArgument, cat(kPayload, ": creator or timestamp is of a wrong type"));
}

}  // namespace

Result<SignedClaim> parse_signed_claim(SignatureKind kind, std::string_view text) {
  ASSIGN_OR_RETURN(const Json document, parse_json(text, kMaxSignature, kPayload));
  RETURN_IF_ERROR(exact_object(document, {"critical", "optional"}, kPayload));
  RETURN_IF_ERROR(check_optional(document["optional"], kind));
  const Json& critical = document["critical"];
  RETURN_IF_ERROR(exact_object(critical, {"type", "image", "identity"}, cat(kPayload, ": critical")));
  const Json& image = critical["image"];
  RETURN_IF_ERROR(exact_object(image, {"docker-manifest-digest"}, cat(kPayload, ": critical.image")));
  const Json& identity = critical["identity"];
  RETURN_IF_ERROR(exact_object(identity, {"docker-reference"}, cat(kPayload, ": critical.identity")));

  const char* wanted =
      kind == SignatureKind::kSigstore ? "cosign container image signature" : "atomic container signature";
  ASSIGN_OR_RETURN(const std::string type, json_string(critical, "type", kPayload));
  if (type != wanted)
    return Error(Code::kInvalidArgument, cat(kPayload, " is a \"", type, "\", not a \"", wanted, "\""));
  ASSIGN_OR_RETURN(const std::string digest_text, json_string(image, "docker-manifest-digest", kPayload));
  ASSIGN_OR_RETURN(Digest digest, Digest::parse(digest_text));
  ASSIGN_OR_RETURN(std::string name, json_string(identity, "docker-reference", kPayload));
  return SignedClaim{std::move(digest), std::move(name)};
}

}  // namespace berth::image
