// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "base/digest.hpp"
#include "base/guarded.hpp"
#include "base/result.hpp"
#include "image/manifest.hpp"
#include "image/registry/auth.hpp"
#include "image/registry/body_feed.hpp"
#include "image/registry/http.hpp"

namespace berth::image {

struct RetryPolicy {
  int attempts = 5;                            ///< in a row without progress
  std::chrono::milliseconds first_delay{500};  ///< doubles
  std::chrono::milliseconds longest_delay{60'000};
};

/// One repository on one server, read-only (OCI distribution-spec). Retries what is worth it; checks
/// every digest. Errors are sentences about the step; codes as in Puller::pull. Thread-safe.
class RegistryClient {
 public:
  RegistryClient(const HttpClient& http, TokenCache& tokens, Endpoint endpoint, CredentialFinder find,
                 RetryPolicy retry = {}, RangePolicy ranges = {});

  struct FetchedManifest {
    std::string bytes;
    std::string content_type;
    Digest digest;
  };
  /// By digest: the bytes match it.
  Result<FetchedManifest> fetch_manifest(const std::string& tag_or_digest, std::stop_token cancel) const;

  /// The list of what refers to `subject` (an OCI index, its first page); kNotFound: this server has no such
  /// lists.
  Result<std::string> fetch_referrers(const Digest& subject, std::stop_token cancel) const;

  /// Streams the rest of a blob; returns when all `size` bytes were read and have the digest. An
  /// error of `reader` ends it and is returned as it is. Slow connections get help: see RangePolicy.
  Result<void> fetch_blob(const Descriptor& blob, BlobProgress& progress, const BlobReader& reader,
                          std::stop_token cancel) const;

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  /// `what` is "/manifests/..." or "/blobs/..." of the repository.
  HttpOutcome send(HttpRequest request, const std::string& what, std::stop_token cancel) const;
  /// A document in memory, tried again where that helps.
  Result<HttpResponse> fetch_document(const std::string& path, std::string_view accept,
                                      std::stop_token cancel) const;
  HttpOutcome send_authorized(HttpRequest request, std::stop_token cancel) const;
  Result<void> authenticate(const HttpResponse& response, const HttpRequest& request,
                            std::stop_token cancel) const;
  HttpOutcome fetch_rest(const Descriptor& blob, BlobProgress& progress, BodyFeed& feed,
                         std::stop_token cancel) const;
  Result<std::string> fetch_piece(const Descriptor& blob, std::uint64_t first, std::uint64_t length,
                                  std::stop_token cancel) const;
  /// As much of the rest as comes that way; an error only when the reader's or the caller's.
  Result<void> fetch_pieces(const Descriptor& blob, const BlobProgress& progress, BodyFeed& feed,
                            std::stop_token cancel) const;

  const HttpClient& http_;
  Endpoint endpoint_;
  RetryPolicy retry_;
  RangePolicy ranges_;
  mutable Authenticator authenticator_;
  /// "https", "http", or empty until an insecure server has answered.
  mutable Guarded<std::string> scheme_;
};

}  // namespace berth::image
