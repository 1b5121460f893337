// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/image_store.hpp"
#include "image/pull_progress.hpp"
#include "image/registry/endpoint.hpp"
#include "image/registry_options.hpp"

namespace berth::image {

/// Credentials of one registry as CRI's AuthConfig gives them. Never logged, never in errors.
struct Credentials {
  std::string username, password;
  std::string identity_token;  ///< OAuth2 refresh token
  std::string registry_token;  ///< bearer token to send as it is
  std::string server_address;
  /// An auth.json for this pull alone: asked when the above say nothing about a server, before the node's.
  std::string auth_json;
  bool empty() const {
    return username.empty() && password.empty() && identity_token.empty() && registry_token.empty();
  }
};

/// Base64 "user:password" (AuthConfig.auth), trailing NULs trimmed; kInvalidArgument when malformed.
Result<Credentials> parse_basic_auth(const std::string& auth);

struct PullerOptions {
  RegistryOptions registries;
  std::string unpack_program;  ///< berth-unpack
  unsigned max_parallel_layers = 4;
  std::chrono::seconds progress_timeout{60};  ///< give up when 64 KiB took longer
  std::string registries_d;  ///< a directory that says where signatures are; empty: nobody says it
};

/// One server that a pull would ask, and as whom. Holds no secret.
struct PlannedServer {
  std::string reference;  ///< what a short name may mean
  Endpoint endpoint;
  std::string credentials;  ///< where they would come from; empty: nobody knows any
  std::string problem;      ///< a file or helper of credentials that could not be asked
};

/// Fetches images from registries and archives into an ImageStore. Bytes flow one way: network,
/// digest, inflate, digest, disk; nothing is held whole in memory. Thread-safe; calls block.
class Puller {
 public:
  static Result<std::unique_ptr<Puller>> create(const PullerOptions& options, ImageStore& store);
  virtual ~Puller() = default;

  /// Resolves `reference` anew (also when the tag is known), picks this host's platform, unpacks
  /// what is missing, commits. Equal concurrent pulls run once; cancelled when the last caller has
  /// gone. Network failures: kUnavailable; refused credentials: kPermissionDenied; unknown
  /// manifest: kNotFound; a lying digest: kFailedPrecondition naming the layer; bad reference:
  /// kInvalidArgument. `policy` is the path of a containers-policy.json(5) that the image must satisfy before
  /// any of its content is fetched; empty: any image will do. Refused by it: kUnknown.
  virtual Result<ImagePtr> pull(const std::string& reference, const Credentials& credentials,
                                const std::string& policy, std::stop_token cancel) = 0;

  /// How far a pull of `reference` in flight has come; nullopt when there is none.
  virtual std::optional<std::vector<LayerProgress>> progress(const std::string& reference) const = 0;

  /// Where `reference` would be fetched from, in order, without asking any of them. May run credential
  /// helpers.
  virtual Result<std::vector<PlannedServer>> plan(const std::string& reference, std::stop_token cancel) = 0;

  /// An OCI layout directory, an OCI archive (tar), or a docker-archive (tar; may be gzipped).
  /// Returns every image it held; names from the archive's annotations or RepoTags, or `name`. `policy` as
  /// for pull().
  virtual Result<std::vector<ImagePtr>> import(const std::string& path, const std::string& name,
                                               const std::string& policy, std::stop_token cancel) = 0;
};

}  // namespace berth::image
