// SPDX-License-Identifier: Apache-2.0
#include "image/registry/registry_source.hpp"

#include <utility>

#include "base/cat.hpp"
#include "image/media_types.hpp"

namespace berth::image {
namespace {

/// What every server said, as one error with the last one's code: that is the primary.
class Failures {
 public:
  void add(const RegistryClient& client, const Error& error) {
    earlier_ += last_.empty() ? "" : cat(" (before that, ", last_, ")");
    last_ = cat(client.endpoint().host, ": ", error.to_string());
    code_ = error.code();
  }
  Error take() const {
    if (last_.empty())
      return {Code::kFailedPrecondition, "no server may be asked for it: see the capabilities"};
    return {code_, last_ + earlier_};
  }

 private:
  Code code_ = Code::kInternal;
  std::string last_;
  std::string earlier_;
};

}  // namespace

RegistrySource::RegistrySource(const HttpClient::Options& http, TokenCache& tokens,
                               const std::vector<Endpoint>& endpoints, const CredentialFinder& find,
                               const RangePolicy& ranges)
    : http_(http) {
  for (const Endpoint& endpoint : endpoints) {
    // The primary is waited for; a mirror that is down must not hold up the pull.
    RetryPolicy retry;
    if (endpoint.is_mirror) retry.attempts = 2;
    clients_.push_back(std::make_unique<RegistryClient>(http_, tokens, endpoint, find, retry, ranges));
  }
}

Result<RegistryClient::FetchedManifest> RegistrySource::fetch_manifest(const std::string& tag_or_digest,
                                                                       std::stop_token cancel) const {
  Failures failures;
  const bool by_digest = tag_or_digest.find(':') != std::string::npos;
  for (const auto& client : clients_) {
    const Endpoint& endpoint = client->endpoint();
    if (!(by_digest ? endpoint.gives_content : endpoint.resolves_tags)) continue;
    auto fetched = client->fetch_manifest(tag_or_digest, cancel);
    if (fetched || cancel.stop_requested()) return fetched;
    failures.add(*client, fetched.error());
  }
  return failures.take();
}

Result<std::string> RegistrySource::fetch_referrers(const Digest& subject, std::stop_token cancel) const {
  Failures failures;
  for (const auto& client : clients_) {
    if (!client->endpoint().gives_content) continue;
    auto fetched = client->fetch_referrers(subject, cancel);
    if (fetched || cancel.stop_requested()) return fetched;
    failures.add(*client, fetched.error());
  }
  return failures.take();
}

Result<void> RegistrySource::read_blob(const Descriptor& blob, const BlobReader& reader,
                                       std::stop_token cancel) const {
  BlobProgress progress(blob);
  bool reader_failed = false;
  const BlobReader watched = [&](std::span<const std::byte> data) {
    auto taken = reader(data);
    reader_failed = !taken;
    return taken;
  };
  Failures failures;
  for (const auto& client : clients_) {
    if (!client->endpoint().gives_content) continue;
    auto fetched = client->fetch_blob(blob, progress, watched, cancel);
    if (fetched || reader_failed || cancel.stop_requested()) return fetched;
    failures.add(*client, fetched.error());
    if (progress.offset == blob.size) break;  // all of it came, and it was wrong: nobody can mend that
  }
  Error error = failures.take();
  if (error.code() == Code::kNotFound && media_kind(blob.media_type) == MediaKind::kForeignLayer)
    error.add_context("a foreign layer, whose urls are not followed, is not in the registry either");
  return error;
}

}  // namespace berth::image
