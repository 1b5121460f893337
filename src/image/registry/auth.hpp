// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "base/keyed_lock.hpp"
#include "base/result.hpp"
#include "image/puller.hpp"
#include "image/reference.hpp"
#include "image/registry/endpoint.hpp"
#include "image/registry/header_values.hpp"
#include "image/registry/http.hpp"

namespace berth::image {

/// Bearer tokens of the whole daemon, by server, scope and credentials, until they expire.
class TokenCache {
 public:
  using Clock = std::chrono::steady_clock;
  std::optional<std::string> find(const std::string& key, Clock::time_point now);
  void store(const std::string& key, const std::string& token, Clock::time_point expires,
             Clock::time_point now);
  /// Forgets `key` when it still holds `token`: a server refused it.
  void drop(const std::string& key, const std::string& token);
  /// Held by the one that fetches a token, while others that want the same wait for it.
  Result<KeyedLock::Lease> reserve(const std::string& key, std::stop_token cancel) {
    return fetching_.acquire(key, std::nullopt, std::move(cancel));
  }

 private:
  struct Entry {
    std::string token;
    Clock::time_point expires;
  };
  Guarded<std::map<std::string, Entry>> entries_;
  KeyedLock fetching_;
};

/// The answer of a token server (distribution's token spec): `token` or `access_token`, expires_in.
struct IssuedToken {
  std::string token;
  std::chrono::seconds lifetime{60};
};
Result<IssuedToken> parse_token_response(std::string_view body);

/// Credentials for this endpoint out of those the caller gave for `reference`: none for a server
/// they were not meant for.
Credentials credentials_for(const Endpoint& endpoint, const Reference& reference, const Credentials& given);

/// Who we are to a server. Called when one asks, not before; may block. Null: nobody.
using CredentialFinder = std::function<Credentials(const Endpoint& endpoint, std::stop_token cancel)>;

/// Proves to one server that we may read one repository: anonymous, basic, refresh token or ready
/// bearer token, whatever its challenge asks for. Nothing of a secret gets into errors. Thread-safe.
class Authenticator {
 public:
  Authenticator(const HttpClient& http, TokenCache& cache, Endpoint endpoint, CredentialFinder find);

  /// Value of the Authorization header to send now; empty: none.
  std::string header() const;
  /// After a 401 to a request that was sent with `refused`: makes header() better, or says why it
  /// cannot be (kPermissionDenied; kUnavailable when the token server may do better later).
  Result<void> answer(const std::vector<std::string>& www_authenticate, const std::string& refused,
                      std::stop_token cancel);

 private:
  Result<std::string> bearer(const Credentials& known, const Challenge& challenge, const std::string& refused,
                             std::stop_token cancel) const;
  Result<IssuedToken> fetch_token(const HttpRequest& request, std::stop_token cancel) const;
  HttpRequest token_request(const Credentials& known, const std::string& realm, const std::string& service,
                            const std::vector<std::string>& scopes) const;
  Result<std::string> basic(const Credentials& known) const;
  Credentials credentials(std::stop_token cancel);

  const HttpClient& http_;
  TokenCache& cache_;
  Endpoint endpoint_;
  CredentialFinder find_;
  Guarded<std::optional<Credentials>> known_;  ///< asked for once
  Guarded<std::string> header_;
};

}  // namespace berth::image
