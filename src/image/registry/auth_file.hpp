// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "image/puller.hpp"
#include "image/registry/endpoint.hpp"

namespace berth::image {

/// auth.json (containers-auth.json(5)) or Docker's config.json: who we are to which registry. Keys are
/// "host", "host:port" or "host/path", without a scheme; errors never quote values.
struct AuthFile {
  std::map<std::string, Credentials> auths;
  struct Helper {
    std::string name;    ///< program docker-credential-NAME
    std::string server;  ///< what to ask it for
  };
  std::map<std::string, Helper> helpers;  ///< credHelpers
  std::string store;                      ///< credsStore: a helper for all other servers; may be empty

  /// The names under which `endpoint` may be known, the most specific first: "host/a/b", "host/a", "host".
  static std::vector<std::string> names_of(const Endpoint& endpoint);

  const Credentials* find(const Endpoint& endpoint) const;
  /// The helper that a key of credHelpers names for it, or the store; nullopt: neither.
  std::optional<Helper> find_named_helper(const Endpoint& endpoint) const;
  std::optional<Helper> find_store(const Endpoint& endpoint) const;
};

/// kInvalidArgument names `subject`.
Result<AuthFile> parse_auth_file(std::string_view text, const std::string& subject);

}  // namespace berth::image
