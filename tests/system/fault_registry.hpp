// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <sstream>

#include "image/registry/client.hpp"
#include "pull_node.hpp"

namespace berth::image {

/// tests/support/fault_registry.py, for the time of a test.
class FaultRegistry {
 public:
  /// `tls`: certificate and key, and perhaps the authority of clients: listens on host_tls, too.
  explicit FaultRegistry(const std::vector<std::string>& tls = {}) : server_(arguments(tls), true) {
    std::istringstream line(server_.line());
    std::string port, tls_port;
    line >> port >> cdn_port >> tls_port;
    host = "127.0.0.1:" + port;
    host_tls = "127.0.0.1:" + tls_port;
  }
  /// Every request so far.
  std::string log() const {
    const HttpClient http{HttpClient::Options{}};
    HttpRequest request;
    request.url = "http://" + host + "/log";
    return http.perform(request, {}).response.body;
  }
  std::string name(const std::string& fault) const { return host + "/" + fault; }

  std::string host, cdn_port, host_tls;

 private:
  static std::vector<std::string> arguments(const std::vector<std::string>& tls) {
    std::vector<std::string> argv{"python3", TEST_SUPPORT "/fault_registry.py"};
    argv.insert(argv.end(), tls.begin(), tls.end());
    return argv;
  }
  Server server_;
};

inline Credentials user() {
  Credentials credentials;
  credentials.username = "user";
  credentials.password = "secret";
  return credentials;
}

inline Endpoint plain_endpoint(const std::string& host, const std::string& path) {
  Endpoint endpoint;
  endpoint.host = host;
  endpoint.path = path;
  endpoint.insecure = true;
  return endpoint;
}

/// One client without the patience that a real registry deserves.
struct Impatient {
  explicit Impatient(const FaultRegistry& registry, const std::string& fault, int attempts = 5,
                     RangePolicy ranges = {})
      : client(http, tokens, plain_endpoint(registry.host, fault), {},
               {attempts, std::chrono::milliseconds(5), std::chrono::milliseconds(2000)}, ranges) {}

  Descriptor layer() {
    auto fetched = client.fetch_manifest("latest", {});
    REQUIRE(fetched);
    auto document = parse_manifest(fetched->bytes, fetched->content_type);
    REQUIRE(document);
    return document->manifest->layers.at(0);
  }
  Result<std::uint64_t> fetch(const Descriptor& blob) {
    BlobProgress progress(blob);
    std::uint64_t read = 0;
    const BlobReader count = [&read](std::span<const std::byte> data) -> Result<void> {
      read += data.size();
      return {};
    };
    RETURN_IF_ERROR(client.fetch_blob(blob, progress, count, {}));
    return read;
  }
  std::string refusal(Code code) {
    auto fetched = fetch(layer());
    REQUIRE_FALSE(fetched);
    CHECK(static_cast<int>(fetched.error().code()) == static_cast<int>(code));
    return fetched.error().to_string();
  }

  HttpClient http{HttpClient::Options{std::chrono::milliseconds(1000), std::chrono::milliseconds(1000),
                                      std::chrono::milliseconds(1000)}};
  TokenCache tokens;
  RegistryClient client;
};

/// Of this process, which is the daemon's part of a pull.
inline long peak_memory_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace berth::image
