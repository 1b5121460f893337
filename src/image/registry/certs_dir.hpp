// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/registry/endpoint.hpp"

namespace berth::image {

/// What the first of `dirs` that knows `endpoint`'s registry says about it: a hosts.toml of containerd, or
/// files as Docker names them (*.crt: authorities; *.cert with *.key: our certificate). In each directory
/// HOST_PORT_, then HOST:PORT; after all of them `_default`. Returns the servers to ask in order,
/// `endpoint` itself when nothing is said. Reads files; kInvalidArgument names the one that is wrong.
Result<std::vector<Endpoint>> apply_certs_dirs(const std::vector<std::string>& dirs,
                                               const Endpoint& endpoint);

}  // namespace berth::image
