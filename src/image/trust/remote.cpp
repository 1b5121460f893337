// SPDX-License-Identifier: Apache-2.0
#include "image/trust/remote.hpp"

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/registry/retry.hpp"

namespace berth::image {
namespace {

constexpr std::string_view kFileUrl = "file://";

/// "sha256-<hex>": what stands for a digest in a tag.
std::string tag_of(const Digest& digest) {
  return cat(digest.algorithm(), "-", digest.hex());
}

void note_once(std::string& notes, const std::string& text) {
  if (notes.find(text) == std::string::npos) notes += cat(notes.empty() ? "" : "; ", text);
}

/// An absent document is no mishap.
void note_failure(std::string& notes, const Error& error) {
  if (error.code() != Code::kNotFound) note_once(notes, error.to_string());
}

}  // namespace

std::string RemoteSignatures::visit(SignatureKind kind, const Visitor& visitor) const {
  const bool sigstore = kind == SignatureKind::kSigstore;
  if (sigstore && !options_.place.in_registry.value_or(false))
    return "registries.d does not say use-sigstore-attachments: true for it";
  if (!sigstore && options_.place.lookaside.empty()) return "registries.d names no lookaside for it";
  std::string notes;
  for (const Digest& digest : digests_) {
    const bool enough =
        sigstore ? visit_registry(digest, visitor, notes) : visit_lookaside(digest, visitor, notes);
    if (enough) return {};
  }
  return notes;
}

bool RemoteSignatures::visit_registry(const Digest& digest, const Visitor& visitor,
                                      std::string& notes) const {
  if (visit_manifest(digest, tag_of(digest) + ".sig", visitor, notes)) return true;
  auto referrers = this->referrers(digest);
  if (!referrers) {
    note_failure(notes, referrers.error());
    return false;
  }
  if (referrers->bundles > 0)
    note_once(
        notes,
        "there are sigstore bundles, which are not read here: sign with cosign's --new-bundle-format=false");
  for (const Descriptor& manifest : referrers->signatures) {
    if (visit_manifest(digest, manifest.digest.text(), visitor, notes)) return true;
  }
  return false;
}

bool RemoteSignatures::visit_manifest(const Digest& digest, const std::string& name, const Visitor& visitor,
                                      std::string& notes) const {
  auto manifest = source_.fetch_manifest(name, cancel_);
  if (!manifest) {
    note_failure(notes, manifest.error());
    return false;
  }
  auto attached = parse_signature_manifest(manifest->bytes);
  if (!attached) {
    note_failure(notes, attached.error());
    return false;
  }
  for (AttachedSignature& each : *attached) {
    auto payload = read_small_blob(source_, each.payload, cancel_);
    if (!payload) {
      note_once(notes, cat("payload ", each.payload.digest.text(), ": ", payload.error().to_string()));
      continue;
    }
    if (visitor({SignatureKind::kSigstore, digest, *std::move(payload), std::move(each.signature)}))
      return true;
  }
  return false;
}

Result<Referrers> RemoteSignatures::referrers(const Digest& digest) const {
  auto listed = source_.fetch_referrers(digest, cancel_);
  if (listed) return parse_referrers(*listed);
  // A registry without that list: whoever attaches something keeps the list under a tag.
  auto kept = source_.fetch_manifest(tag_of(digest), cancel_);
  if (!kept)
    return kept.error().code() == Code::kNotFound ? std::move(listed).error() : std::move(kept).error();
  return parse_referrers(kept->bytes);
}

bool RemoteSignatures::visit_lookaside(const Digest& digest, const Visitor& visitor,
                                       std::string& notes) const {
  const std::string base = cat(options_.place.lookaside, "/", options_.repository, "@", digest.algorithm(),
                               "=", digest.hex(), "/signature-");
  for (std::size_t number = 1; number <= kMaxSignatures; ++number) {
    const std::string url = cat(base, number);
    auto message = fetch_url(url);
    if (!message) {
      if (message.error().code() != Code::kNotFound)
        note_once(notes, cat(url, ": ", message.error().to_string()));
      return false;
    }
    if (visitor({SignatureKind::kSimple, digest, {}, *std::move(message)})) return true;
  }
  return false;
}

Result<std::string> RemoteSignatures::fetch_url(const std::string& url) const {
  if (url.starts_with(kFileUrl)) {
    const std::string path = url.substr(kFileUrl.size());
    if (!exists(path)) return Error(Code::kNotFound, path);
    return read_file(path, kMaxSignature);
  }
  const HttpClient http(options_.http);
  HttpRequest request;
  request.url = url;
  request.body_limit = kMaxSignature;
  Backoff backoff(RetryPolicy{});
  HttpOutcome outcome = http.perform(request, cancel_);
  while (worth_retrying(outcome) && backoff.wait(outcome, cancel_)) outcome = http.perform(request, cancel_);
  if (outcome.error) return *std::move(outcome.error);
  if (outcome.response.status != 200) return describe_status(outcome.response);
  return std::move(outcome.response.body);
}

}  // namespace berth::image
