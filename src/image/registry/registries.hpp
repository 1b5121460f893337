// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "base/result.hpp"
#include "image/puller.hpp"
#include "image/reference.hpp"
#include "image/registry/auth_file.hpp"
#include "image/registry/endpoint.hpp"
#include "image/registry/registries_conf.hpp"

namespace berth::image {

/// Who we are to one server, and who said so.
struct FoundCredentials {
  Credentials credentials;
  std::string source;   ///< for people: a file and key, a helper; empty: nobody knows any
  std::string problem;  ///< a file or helper that could not be asked
};

/// What the node's files say about registries: where to look for an image, and with which credentials.
/// Files are read again when they have changed; a registries.conf that has become unreadable is warned
/// about, and the last good one holds. Thread-safe.
class Registries {
 public:
  explicit Registries(RegistryOptions options) : options_(std::move(options)) {}

  /// What is wrong with registries.conf now, for the daemon's start.
  Result<void> check();

  /// What the reference may mean, in order; itself when it names a host.
  Result<std::vector<Reference>> candidates(const Reference& reference);
  /// The servers to ask for it, in order. kPermissionDenied when blocked.
  Result<std::vector<Endpoint>> endpoints(const Reference& reference);
  /// Out of what the caller gave, then the files. May run a credential helper: blocks.
  FoundCredentials credentials(const Endpoint& endpoint, const Reference& reference, const Credentials& given,
                               std::stop_token cancel);

  const RegistryOptions& options() const { return options_; }

 private:
  struct Cached {
    std::string stamp;
    std::shared_ptr<const RegistriesConf> conf;
  };
  Result<std::shared_ptr<const RegistriesConf>> conf();
  bool look_into(const AuthFile& file, const std::string& subject, const Endpoint& endpoint,
                 std::stop_token cancel, FoundCredentials& found) const;
  bool ask(const AuthFile::Helper& helper, std::stop_token cancel, FoundCredentials& found) const;
  bool look_into_files(const Endpoint& endpoint, std::stop_token cancel, FoundCredentials& found) const;

  RegistryOptions options_;
  Guarded<Cached> cached_;
};

}  // namespace berth::image
