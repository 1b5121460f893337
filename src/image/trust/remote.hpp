// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "image/registry/registry_source.hpp"
#include "image/trust/registries_d.hpp"
#include "image/trust/signature_manifest.hpp"
#include "image/trust/verify.hpp"

namespace berth::image {

/// The signatures of an image that is being pulled: sigstore's out of its own repository, OpenPGP's out of a
/// lookaside. Found with any of the digests that led to the image: who signed an index signed what it names.
class RemoteSignatures final : public SignatureSource {
 public:
  struct Options {
    SignaturePlace place;
    std::string repository;  ///< "library/busybox"
    HttpClient::Options http;
  };
  RemoteSignatures(Options options, const RegistrySource& source, std::vector<Digest> digests,
                   std::stop_token cancel)
      : options_(std::move(options)),
        source_(source),
        digests_(std::move(digests)),
        cancel_(std::move(cancel)) {}

  std::string visit(SignatureKind kind, const Visitor& visitor) const override;

 private:
  /// True: the visitor has enough. What could not be read is added to `notes`.
  bool visit_registry(const Digest& digest, const Visitor& visitor, std::string& notes) const;
  bool visit_manifest(const Digest& digest, const std::string& name, const Visitor& visitor,
                      std::string& notes) const;
  bool visit_lookaside(const Digest& digest, const Visitor& visitor, std::string& notes) const;
  Result<Referrers> referrers(const Digest& digest) const;
  Result<std::string> fetch_url(const std::string& url) const;

  Options options_;
  const RegistrySource& source_;
  std::vector<Digest> digests_;
  std::stop_token cancel_;
};

}  // namespace berth::image
