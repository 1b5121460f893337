// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "image/trust/signature.hpp"

namespace berth::image {

/// The part of an OCI image config that running a container needs (image-spec config.md).
struct ImageConfig {
  std::string os, architecture, variant;
  std::string user;  ///< "name[:group]" or "uid[:gid]", as written
  std::vector<std::string> env;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::string working_dir;
  std::string stop_signal;
  std::vector<std::string> volumes;
  std::map<std::string, std::string> labels;
  std::vector<Digest> diff_ids;
};

/// One unpacked layer of the store, shared by every image with the same chain of layers.
struct Layer {
  std::uint64_t number = 0;  ///< its directory's short name
  Digest diff_id;
  std::string chain_id;    ///< "sha256:..."
  std::uint64_t size = 0;  ///< bytes on disk as counted while unpacking
  std::uint64_t inodes = 0;
  std::string tree = {};  ///< digest_tree() of its files; empty until that was recorded
};

/// An image of the store: an immutable snapshot, safe to keep while the store changes.
struct Image {
  std::string id;  ///< "sha256:<config digest hex>": the one ID of Image, PullImage and Container
  std::vector<std::string> repo_tags;     ///< "docker.io/library/busybox:1.36", sorted
  std::vector<std::string> repo_digests;  ///< "docker.io/library/busybox@sha256:...", sorted
  ImageConfig config;
  std::vector<Layer> layers;    ///< bottom first
  std::uint64_t size = 0;       ///< sum of the layers' sizes, plus manifest and config
  std::int64_t created_ns = 0;  ///< when it entered the store
  bool pinned = false;
  std::vector<Signature> signatures = {};  ///< what a policy accepted it for
};
using ImagePtr = std::shared_ptr<const Image>;

}  // namespace berth::image
