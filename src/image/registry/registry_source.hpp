// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "image/content_source.hpp"
#include "image/registry/client.hpp"

namespace berth::image {

/// One repository as its mirrors and its primary serve it: asked in order, and a blob that one of
/// them cuts off is continued from the next. Has its own connections, closed with it.
class RegistrySource final : public ContentSource {
 public:
  RegistrySource(const HttpClient::Options& http, TokenCache& tokens, const std::vector<Endpoint>& endpoints,
                 const CredentialFinder& find, const RangePolicy& ranges);

  Result<RegistryClient::FetchedManifest> fetch_manifest(const std::string& tag_or_digest,
                                                         std::stop_token cancel) const;
  Result<std::string> fetch_referrers(const Digest& subject, std::stop_token cancel) const;
  Result<void> read_blob(const Descriptor& blob, const BlobReader& reader,
                         std::stop_token cancel) const override;

 private:
  HttpClient http_;
  std::vector<std::unique_ptr<RegistryClient>> clients_;
};

}  // namespace berth::image
