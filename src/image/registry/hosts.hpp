// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/reference.hpp"
#include "image/registry/registries_conf.hpp"

namespace berth::image {

/// One server that may be asked for an image.
struct Endpoint {
  std::string host;        ///< "registry-1.docker.io", "127.0.0.1:5000"
  std::string path;        ///< repository there
  bool insecure = false;   ///< no certificate check, and plain http when https does not answer
  bool is_mirror = false;  ///< never given credentials meant for the primary
};

/// Where to look for `reference`, mirrors first, the primary last. kPermissionDenied when blocked.
Result<std::vector<Endpoint>> resolve_endpoints(const RegistriesConf& conf, const Reference& reference);

/// The references that a name without a host may mean, in order; itself when it has one.
std::vector<Reference> candidate_references(const RegistriesConf& conf, const Reference& reference);

}  // namespace berth::image
