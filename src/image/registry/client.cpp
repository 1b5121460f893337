// SPDX-License-Identifier: Apache-2.0
#include "image/registry/client.hpp"

#include <utility>

#include "base/cat.hpp"
#include "base/log.hpp"
#include "image/media_types.hpp"
#include "image/registry/retry.hpp"
#include "image/registry/url.hpp"

namespace berth::image {
namespace {

constexpr std::uint64_t kProgress = 1U << 20;  // less than that between two failures is none
constexpr int kMaxAuthentications = 2;         // the second for a scope that the first answer named

Error lies(std::string message) {
  return {Code::kFailedPrecondition, std::move(message)};
}

// A token server that is out of order may be in order soon.
HttpFailure failure_of(Code authentication) {
  if (authentication == Code::kCancelled) return HttpFailure::kCancelled;
  return authentication == Code::kUnavailable ? HttpFailure::kTransfer : HttpFailure::kRefused;
}

}  // namespace

RegistryClient::RegistryClient(const HttpClient& http, TokenCache& tokens, Endpoint endpoint,
                               CredentialFinder find, RetryPolicy retry, RangePolicy ranges)
    : http_(http),
      endpoint_(std::move(endpoint)),
      retry_(retry),
      ranges_(ranges),
      authenticator_(http, tokens, endpoint_, std::move(find)),
      scheme_(endpoint_.insecure && endpoint_.scheme.empty()
                  ? std::string()
                  : (endpoint_.scheme.empty() ? "https" : endpoint_.scheme)) {}

// An insecure server may speak either; the first answer tells which.
HttpOutcome RegistryClient::send(HttpRequest request, const std::string& what, std::stop_token cancel) const {
  request.insecure = endpoint_.insecure;
  request.tls = endpoint_.tls;
  request.connect_timeout = endpoint_.connect_timeout;
  request.origin_headers = endpoint_.headers;
  std::string path = cat(endpoint_.root, "/", endpoint_.path, what);
  if (!endpoint_.ns.empty()) path += "?ns=" + percent_encode(endpoint_.ns);
  const std::string known = *scheme_.lock();
  if (!known.empty()) {
    request.url = cat(known, "://", endpoint_.host, path);
    return send_authorized(request, cancel);
  }
  HttpOutcome outcome;
  for (const char* scheme : {"https", "http"}) {
    request.url = cat(scheme, "://", endpoint_.host, path);
    outcome = send_authorized(request, cancel);
    if (outcome.failure == HttpFailure::kConnect) continue;
    if (outcome.failure == HttpFailure::kNone) *scheme_.lock() = scheme;
    return outcome;
  }
  return outcome;
}

Result<void> RegistryClient::authenticate(const HttpResponse& response, const HttpRequest& request,
                                          std::stop_token cancel) const {
  const auto found = response.headers.find("www-authenticate");
  if (found != response.headers.end())
    return authenticator_.answer(found->second, request.authorization, cancel);
  // Some registries send a bare 401 for content and name their token server at /v2/ only.
  HttpRequest ping;
  ping.insecure = request.insecure;
  ping.tls = request.tls;
  ping.connect_timeout = request.connect_timeout;
  ping.origin_headers = request.origin_headers;
  ping.url = cat(request.url.substr(0, request.url.find("://") + 3), endpoint_.host, endpoint_.root, "/");
  const HttpOutcome outcome = http_.perform(ping, cancel);
  if (outcome.error) return *outcome.error;
  const auto from_ping = outcome.response.headers.find("www-authenticate");
  const bool named = from_ping != outcome.response.headers.end();
  return authenticator_.answer(named ? from_ping->second : std::vector<std::string>(), request.authorization,
                               cancel);
}

HttpOutcome RegistryClient::send_authorized(HttpRequest request, std::stop_token cancel) const {
  for (int authentications = 0;; ++authentications) {
    request.authorization = authenticator_.header();
    HttpOutcome outcome = http_.perform(request, cancel);
    if (outcome.failure != HttpFailure::kNone || outcome.response.status != 401) return outcome;
    if (authentications == kMaxAuthentications) {
      outcome.failure = HttpFailure::kRefused;
      outcome.error = Error(Code::kPermissionDenied, cat(endpoint_.host, " keeps refusing the credentials"));
      return outcome;
    }
    if (auto answered = authenticate(outcome.response, request, cancel); !answered) {
      outcome.failure = failure_of(answered.error().code());
      outcome.error = std::move(answered).error();
      return outcome;
    }
  }
}

Result<HttpResponse> RegistryClient::fetch_document(const std::string& path, std::string_view accept,
                                                    std::stop_token cancel) const {
  HttpRequest request;
  request.headers = {cat("Accept: ", accept)};
  request.body_limit = kMaxManifestSize;
  Backoff backoff(retry_);
  HttpOutcome outcome = send(request, path, cancel);
  while (worth_retrying(outcome) && backoff.wait(outcome, cancel)) outcome = send(request, path, cancel);
  if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
  if (outcome.error) return *std::move(outcome.error);
  if (outcome.response.status != 200) return describe_status(outcome.response);
  return std::move(outcome.response);
}

Result<RegistryClient::FetchedManifest> RegistryClient::fetch_manifest(const std::string& tag_or_digest,
                                                                       std::stop_token cancel) const {
  const auto wanted = Digest::parse(tag_or_digest);
  ASSIGN_OR_RETURN(HttpResponse response,
                   fetch_document("/manifests/" + tag_or_digest, kManifestAccept, cancel));
  Hasher hasher(wanted ? wanted->algorithm() : "sha256");
  hasher.update(response.body);
  FetchedManifest fetched{std::move(response.body), response.header("content-type"), hasher.finish()};
  if (wanted && fetched.digest != *wanted) return lies(cat("digest mismatch: got ", fetched.digest.text()));
  return fetched;
}

Result<std::string> RegistryClient::fetch_referrers(const Digest& subject, std::stop_token cancel) const {
  ASSIGN_OR_RETURN(HttpResponse response,
                   fetch_document("/referrers/" + subject.text(), kOciIndexType, cancel));
  return std::move(response.body);
}

HttpOutcome RegistryClient::fetch_rest(const Descriptor& blob, BlobProgress& progress, BodyFeed& feed,
                                       std::stop_token cancel) const {
  HttpRequest request;
  if (progress.offset > 0) request.headers.push_back(cat("Range: bytes=", progress.offset, "-"));
  feed.begin();
  request.on_body = [&feed](const HttpResponse& head, std::span<const std::byte> data) {
    return feed.take(head, data);
  };
  HttpOutcome outcome = send(std::move(request), "/blobs/" + blob.digest.text(), cancel);
  const bool success = outcome.failure == HttpFailure::kNone &&
                       (outcome.response.status == 200 || outcome.response.status == 206);
  if (success && progress.offset < blob.size) {
    outcome.failure = HttpFailure::kTransfer;
    outcome.error =
        Error(Code::kUnavailable, cat("it ended after ", progress.offset, " of ", blob.size, " bytes"));
  }
  return outcome;
}

Result<std::string> RegistryClient::fetch_piece(const Descriptor& blob, std::uint64_t first,
                                                std::uint64_t length, std::stop_token cancel) const {
  std::string piece;
  HttpRequest request;
  request.headers = {cat("Range: bytes=", first, "-", first + length - 1)};
  request.on_body = [&](const HttpResponse& head, std::span<const std::byte> data) -> Result<void> {
    if (piece.empty()) RETURN_IF_ERROR(check_piece(head, blob, first, length));
    if (data.size() > length - piece.size()) return lies(cat("more than ", length, " bytes came"));
    piece.reserve(length);
    piece.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  };
  const HttpOutcome outcome = send(std::move(request), "/blobs/" + blob.digest.text(), cancel);
  if (outcome.error) return *outcome.error;
  if (outcome.response.status != 206) return describe_status(outcome.response);
  if (piece.size() == length) return piece;
  return Error(Code::kUnavailable, cat("it ended after ", piece.size(), " of ", length, " bytes"));
}

Result<void> RegistryClient::fetch_pieces(const Descriptor& blob, const BlobProgress& progress,
                                          BodyFeed& feed, std::stop_token cancel) const {
  const FetchPiece fetch = [&](std::uint64_t first, std::uint64_t length, std::stop_token stop) {
    return fetch_piece(blob, first, length, std::move(stop));
  };
  const TakePiece take = [&](std::string_view piece) {
    return feed.pass_on(std::as_bytes(std::span(piece)));
  };
  auto read = read_piecewise(ranges_, progress.offset, blob.size, fetch, take, cancel);
  if (read || feed.reader_failed() || cancel.stop_requested()) return read;
  log::info("a registry does not give pieces of a blob; the rest comes by one connection",
            {{"server", endpoint_.host}, {"error", read.error().to_string()}});
  return {};
}

Result<void> RegistryClient::fetch_blob(const Descriptor& blob, BlobProgress& progress,
                                        const BlobReader& reader, std::stop_token cancel) const {
  Backoff backoff(retry_);
  BodyFeed feed(blob, progress, reader, ranges_);
  while (progress.offset < blob.size) {
    const std::uint64_t before = progress.offset;
    HttpOutcome outcome = fetch_rest(blob, progress, feed, cancel);
    if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
    if (feed.wants_pieces()) {
      RETURN_IF_ERROR(fetch_pieces(blob, progress, feed, cancel));
      continue;
    }
    if (progress.offset - before >= kProgress) backoff.reset();
    if (worth_retrying(outcome) && backoff.wait(outcome, cancel)) continue;
    if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
    if (outcome.error) return *std::move(outcome.error);
    if (outcome.response.status != 200 && outcome.response.status != 206)
      return describe_status(outcome.response);
  }
  const Digest got = progress.hasher.finish();
  if (got != blob.digest) return lies(cat("digest mismatch: got ", got.text()));
  return {};
}

}  // namespace berth::image
