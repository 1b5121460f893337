// SPDX-License-Identifier: Apache-2.0
#include "image/registry/auth.hpp"

#include <algorithm>
#include <utility>

#include "base/cat.hpp"
#include "image/registry/base64.hpp"
#include "image/registry/url.hpp"

namespace berth::image {
namespace {

constexpr std::string_view kClientId = "berth";

// "https://index.docker.io/v1/", "quay.io", "127.0.0.1:5000" -> the server's host.
std::string server_host(std::string_view address) {
  if (const std::size_t scheme = address.find("://"); scheme != std::string_view::npos)
    address.remove_prefix(scheme + 3);
  const std::string host(address.substr(0, address.find('/')));
  const bool hub = host == "docker.io" || host == "index.docker.io";
  return hub ? "registry-1.docker.io" : host;
}

const Challenge* find_scheme(const std::vector<Challenge>& challenges, std::string_view scheme) {
  const auto found = std::find_if(challenges.begin(), challenges.end(),
                                  [&](const Challenge& c) { return c.scheme == scheme; });
  return found == challenges.end() ? nullptr : &*found;
}

std::string param(const Challenge& challenge, const std::string& name) {
  const auto found = challenge.params.find(name);
  return found == challenge.params.end() ? std::string() : found->second;
}

// The scopes a challenge names, and always ours: some servers name none, or too little.
std::vector<std::string> wanted_scopes(const Challenge& challenge, const std::string& path) {
  std::vector<std::string> scopes{cat("repository:", path, ":pull")};
  const std::string named = param(challenge, "scope");
  for (std::size_t at = 0; at < named.size();) {
    const std::size_t end = std::min(named.find(' ', at), named.size());
    const std::string scope = named.substr(at, end - at);
    if (!scope.empty() && std::find(scopes.begin(), scopes.end(), scope) == scopes.end())
      scopes.push_back(scope);
    at = end + 1;
  }
  return scopes;
}

Error denied(std::string message) {
  return {Code::kPermissionDenied, std::move(message)};
}

std::string basic_header(const Credentials& known) {
  return "Basic " + encode_base64(cat(known.username, ":", known.password));
}

// Keys of the cache outlive a pull, secrets do not.
std::string identity_of(const Credentials& known) {
  return sha256(cat(known.username, '\0', known.password, '\0', known.identity_token)).text();
}

}  // namespace

Credentials credentials_for(const Endpoint& endpoint, const Reference& reference, const Credentials& given) {
  if (given.empty()) return {};
  const std::string meant = server_host(given.server_address);
  if (meant.empty()) return endpoint.is_mirror ? Credentials{} : given;
  const bool names_reference = !endpoint.is_mirror && meant == server_host(reference.host);
  return meant == endpoint.host || names_reference ? given : Credentials{};
}

Authenticator::Authenticator(const HttpClient& http, TokenCache& cache, Endpoint endpoint,
                             CredentialFinder find)
    : http_(http), cache_(cache), endpoint_(std::move(endpoint)), find_(std::move(find)) {}

std::string Authenticator::header() const {
  return *header_.lock();
}

Credentials Authenticator::credentials(std::stop_token cancel) {
  if (const auto known = *known_.lock()) return *known;
  // Not under the lock: a helper program may take its time.
  Credentials found = find_ ? find_(endpoint_, std::move(cancel)) : Credentials{};
  *known_.lock() = found;
  return found;
}

Result<std::string> Authenticator::basic(const Credentials& known) const {
  if (known.username.empty() && known.password.empty()) {
    return denied(cat(endpoint_.host, " asks for a user name and password, and none were given"));
  }
  return basic_header(known);
}

HttpRequest Authenticator::token_request(const Credentials& known, const std::string& realm,
                                         const std::string& service,
                                         const std::vector<std::string>& scopes) const {
  HttpRequest request;
  request.insecure = endpoint_.insecure;
  request.connect_timeout = endpoint_.connect_timeout;
  request.tls.extra_ca = endpoint_.tls.extra_ca;
  std::string query = cat("service=", percent_encode(service));
  if (!known.identity_token.empty()) {
    std::string joined;
    for (const std::string& scope : scopes) joined += (joined.empty() ? "" : " ") + scope;
    request.method = "POST";
    request.url = realm;
    request.body =
        cat("grant_type=refresh_token&client_id=", kClientId, "&", query, "&scope=", percent_encode(joined),
            "&refresh_token=", percent_encode(known.identity_token));
    return request;
  }
  for (const std::string& scope : scopes) query += "&scope=" + percent_encode(scope);
  if (!known.username.empty()) {
    query += "&account=" + percent_encode(known.username);
    request.authorization = basic_header(known);
  }
  request.url = cat(realm, realm.find('?') == std::string::npos ? "?" : "&", query);
  return request;
}

Result<IssuedToken> Authenticator::fetch_token(const HttpRequest& request, std::stop_token cancel) const {
  const std::string shown = redact_url(request.url);
  ASSIGN_OR_RETURN(const std::string origin, url_origin(request.url));
  const bool plain_allowed = endpoint_.insecure || endpoint_.scheme == "http";
  if (!origin.starts_with("https:") && !plain_allowed) {
    return denied(cat("the token server ", shown, " is not https"));
  }
  HttpOutcome outcome = http_.perform(request, cancel);
  if (outcome.error) return *std::move(outcome.error);
  const int status = outcome.response.status;
  if (status == 200) return parse_token_response(outcome.response.body);
  const std::string message = cat("the token server ", shown, " answered with status ", status);
  if (status == 408 || status == 429 || status >= 500) return Error(Code::kUnavailable, message);
  return denied(message);
}

Result<std::string> Authenticator::bearer(const Credentials& known, const Challenge& challenge,
                                          const std::string& refused, std::stop_token cancel) const {
  const std::string realm = param(challenge, "realm");
  if (realm.empty()) return denied(cat(endpoint_.host, " asks for a token but names no token server"));
  const std::string service = param(challenge, "service");
  const auto scopes = wanted_scopes(challenge, endpoint_.path);
  std::string key = cat(endpoint_.host, '\n', realm, '\n', service, '\n', identity_of(known));
  for (const std::string& scope : scopes) key += "\n" + scope;
  ASSIGN_OR_RETURN(const auto alone, cache_.reserve(key, cancel));
  if (const auto cached = cache_.find(key, TokenCache::Clock::now())) {
    if ("Bearer " + *cached != refused) return "Bearer " + *cached;
    cache_.drop(key, *cached);
  }
  auto issued = fetch_token(token_request(known, realm, service, scopes), cancel);
  if (!issued) return std::move(issued).context(cat("get a token for ", endpoint_.host)).error();
  const auto now = TokenCache::Clock::now();
  // A little earlier than the server says, for its clock and ours.
  cache_.store(key, issued->token, now + issued->lifetime - std::chrono::seconds(5), now);
  return "Bearer " + issued->token;
}

Result<void> Authenticator::answer(const std::vector<std::string>& www_authenticate,
                                   const std::string& refused, std::stop_token cancel) {
  if (header() != refused) return {};  // another thread was faster
  const Credentials known = credentials(cancel);
  if (!known.registry_token.empty()) {
    const std::string ready = "Bearer " + known.registry_token;
    if (refused == ready) return denied(cat(endpoint_.host, " refused the registry token"));
    *header_.lock() = ready;
    return {};
  }
  std::vector<Challenge> challenges;
  for (const std::string& value : www_authenticate) {
    auto more = parse_challenges(value);
    challenges.insert(challenges.end(), std::make_move_iterator(more.begin()),
                      std::make_move_iterator(more.end()));
  }
  Result<std::string> better =
      denied(cat(endpoint_.host, " refused the request and offers no way to authenticate"));
  if (const Challenge* wants_token = find_scheme(challenges, "bearer")) {
    better = bearer(known, *wants_token, refused, cancel);
  } else if (find_scheme(challenges, "basic") != nullptr) {
    better = basic(known);
  }
  if (!better) return std::move(better).error();
  if (*better == refused) return denied(cat(endpoint_.host, " refused the credentials"));
  *header_.lock() = *std::move(better);
  return {};
}

}  // namespace berth::image
