// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/reference.hpp"
#include "image/registry/endpoint.hpp"
#include "image/registry/registries_conf.hpp"

namespace berth::image {

/// Where registries.conf says to look for `reference`, mirrors first, the primary last.
/// kPermissionDenied when blocked.
Result<std::vector<Endpoint>> resolve_endpoints(const RegistriesConf& conf, const Reference& reference);

/// The references that a name without a host may mean, in order; itself when it has one.
/// kInvalidArgument: short-name-mode = "enforcing" leaves more than one.
Result<std::vector<Reference>> candidate_references(const RegistriesConf& conf, const Reference& reference);

/// The name by which files speak of a server: Docker Hub's registry is "docker.io" to them.
std::string logical_host(const std::string& host);

}  // namespace berth::image
