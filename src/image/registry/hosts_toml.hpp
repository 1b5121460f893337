// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace berth::image {

/// containerd's hosts.toml: which servers stand for one registry, and how each is spoken to.
struct HostsToml {
  struct Host {
    std::string scheme;        ///< "https" or "http"; empty: the registry itself (a file without `server`)
    std::string host;          ///< "mirror.example:5000"
    std::string root = "/v2";  ///< where its API is
    bool pull = true;
    bool resolve = true;
    bool skip_verify = false;
    std::vector<std::string> ca;                               ///< paths, made absolute
    std::vector<std::pair<std::string, std::string>> clients;  ///< certificate and key, perhaps one file
    std::vector<std::string> headers;                          ///< "Name: value"
    std::chrono::milliseconds dial_timeout{0};                 ///< 0: not given
  };
  std::vector<Host> hosts;  ///< in the order of the file
  Host server;              ///< asked last
};

/// Paths in it are relative to `dir`. kInvalidArgument names `subject` and the line or key.
Result<HostsToml> parse_hosts_toml(std::string_view text, const std::string& dir, const std::string& subject);

/// "30s", "1m30s", "500ms": Go's spelling of a time span.
Result<std::chrono::milliseconds> parse_go_duration(std::string_view text);

}  // namespace berth::image
