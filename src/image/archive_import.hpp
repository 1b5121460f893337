// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/image_install.hpp"
#include "image/image_store.hpp"

namespace berth::image {

/// Installs every image of an OCI layout directory, an OCI archive, or a docker-archive (tar, or
/// gzipped tar) for this host's platform. `name` replaces the names inside; it needs an archive with
/// one image. Names inside are data, never paths; one that climbs out is an error. A policy (its path; empty:
/// none) is asked before anything is installed.
Result<std::vector<ImagePtr>> import_archive(const std::string& path, const std::string& name,
                                             const std::string& policy, ImageStore& store,
                                             ImageInstaller& installer, std::stop_token cancel);

}  // namespace berth::image
