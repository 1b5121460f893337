// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "image/registry/endpoint.hpp"
#include "image/registry_options.hpp"

namespace berth::image {

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::vector<std::string>> headers;  ///< names in lower case
  std::string body;  ///< whole, or of a streamed request that did not succeed, its beginning

  /// The first value; empty when absent.
  std::string header(const std::string& name) const;
};

struct HttpRequest {
  std::string method = "GET";  ///< GET, HEAD; POST sends `body` as a form and follows no redirect
  std::string url;
  std::string authorization;                ///< whole header value; dropped when a redirect leaves the origin
  std::vector<std::string> headers;         ///< "Name: value"
  std::vector<std::string> origin_headers;  ///< the same, dropped like `authorization`
  TlsFiles tls;                             ///< our certificate is dropped like `authorization`
  std::string body;
  bool insecure = false;                         ///< certificates are not checked
  std::chrono::milliseconds connect_timeout{0};  ///< 0: the client's own
  std::size_t body_limit = 1U << 20;  ///< a longer body is an error, or cut when the status is not 2xx
  /// Set: the body of a 200 or 206 goes here instead, piece by piece; an error ends the transfer.
  std::function<Result<void>(const HttpResponse& head, std::span<const std::byte> data)> on_body;
};

/// Why there is no usable response.
enum class HttpFailure : std::uint8_t {
  kNone,
  kConnect,   ///< nothing was sent: name, connection, TLS
  kTransfer,  ///< cut, reset, silent for too long
  kRefused,   ///< our own rules: size, redirects
  kBody,      ///< on_body said no
  kCancelled,
};

struct HttpOutcome {
  HttpResponse response;  ///< as far as it came
  HttpFailure failure = HttpFailure::kNone;
  std::optional<Error> error;
};

/// HTTP as registries need it, over libcurl: HTTP/2, TLS 1.2 at least, proxies (never for
/// loopback), at most 10 redirects, cancellable within milliseconds, no time limit but that bytes
/// keep coming, and not in drops. Connections are reused by later requests of the same client. Errors hold no
/// query strings and no credentials. Thread-safe; perform() blocks.
class HttpClient {
 public:
  struct Options {
    std::chrono::milliseconds progress_timeout{60'000};  ///< for the next 64 KiB, or the end
    std::chrono::milliseconds connect_timeout{30'000};
    std::chrono::milliseconds insecure_connect_timeout{5'000};  ///< the other scheme is still to be tried
    ProxyOptions proxy;
  };
  explicit HttpClient(Options options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  HttpOutcome perform(const HttpRequest& request, std::stop_token cancel) const;

 private:
  struct Pool;
  Options options_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace berth::image
