// SPDX-License-Identifier: Apache-2.0
#include "image/trust/signature_manifest.hpp"

#include "base/cat.hpp"
#include "base/json.hpp"
#include "image/media_types.hpp"
#include "image/registry/base64.hpp"
#include "image/trust/signature.hpp"

namespace berth::image {
namespace {

constexpr const char* kPayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr const char* kSignatureArtifact = "application/vnd.dev.cosign.artifact.sig.v1+json";
constexpr const char* kBundlePrefix = "application/vnd.dev.sigstore.bundle";
constexpr const char* kSignatureAnnotation = "dev.cosignproject.cosign/signature";
constexpr std::size_t kMaxReferrers = 1000;

Error malformed_signatures(std::string_view what) {
  return {Code::kInvalidArgument, std::string(what)};
}

/// The list `key` of a document of the type `type`.
Result<Json> list_in(std::string_view bytes, const char* subject, const char* type, const char* key,
                     std::size_t limit) {
  ASSIGN_OR_RETURN(Json document, parse_json(bytes, kMaxManifestSize, subject));
  ASSIGN_OR_RETURN(const std::string stated, json_string_or(document, "mediaType", type, subject));
  if (stated != type)
    return malformed_signatures(cat(subject, ": it is a \"", stated, "\", not a \"", type, "\""));
  const auto list = document.find(key);
  if (list == document.end() || !list->is_array())
    return malformed_signatures(cat(subject, ": \"", key, "\" is not an array"));
  if (list->size() > limit)
    return malformed_signatures(cat(subject, " has ", list->size(), " ", key, ", the limit is ", limit));
  return std::move(*list);
}

}  // namespace

Result<std::vector<AttachedSignature>> parse_signature_manifest(std::string_view bytes) {
  constexpr const char* kSubject = "manifest of signatures";
  ASSIGN_OR_RETURN(const Json layers, list_in(bytes, kSubject, kOciManifestType, "layers", kMaxSignatures));
  std::vector<AttachedSignature> signatures;
  for (const Json& entry : layers) {
    ASSIGN_OR_RETURN(Descriptor layer, parse_descriptor(entry, kSubject));
    if (layer.media_type != kPayloadType) continue;
    if (layer.size > kMaxSignature)
      return malformed_signatures(cat("a payload of ", layer.size, " bytes, the limit is ", kMaxSignature));
    const auto annotation = layer.annotations.find(kSignatureAnnotation);
    if (annotation == layer.annotations.end()) continue;  // nobody signed this one
    auto signature = decode_base64(annotation->second);
    if (!signature || signature->size() > kMaxSignature)
      return malformed_signatures(cat(kSignatureAnnotation, " is not the base64 of a signature"));
    signatures.push_back({std::move(layer), *std::move(signature)});
  }
  return signatures;
}

Result<Referrers> parse_referrers(std::string_view bytes) {
  constexpr const char* kSubject = "list of referrers";
  ASSIGN_OR_RETURN(const Json entries, list_in(bytes, kSubject, kOciIndexType, "manifests", kMaxReferrers));
  Referrers found;
  for (const Json& entry : entries) {
    ASSIGN_OR_RETURN(Descriptor descriptor, parse_descriptor(entry, kSubject));
    ASSIGN_OR_RETURN(const std::string type, json_string_or(entry, "artifactType", "", kSubject));
    if (type.starts_with(kBundlePrefix)) ++found.bundles;
    if (type != kSignatureArtifact) continue;
    if (found.signatures.size() == kMaxSignatures)
      return malformed_signatures(cat("more than ", kMaxSignatures, " manifests of signatures"));
    found.signatures.push_back(std::move(descriptor));
  }
  return found;
}

}  // namespace berth::image
