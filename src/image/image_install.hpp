// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/lane.hpp"
#include "base/result.hpp"
#include "image/content_source.hpp"
#include "image/image_config.hpp"
#include "image/image_store.hpp"
#include "image/manifest.hpp"
#include "image/pull_progress.hpp"
#include "image/tar_stream.hpp"

namespace berth::image {

/// An image whose manifest is known, and the names it shall have.
struct InstallRequest {
  Manifest manifest;
  std::string manifest_json;
  std::string repo_tag;  ///< may be empty
  std::vector<std::string> repo_digests;
  std::vector<Signature> signatures = {};  ///< that let it in
};

using SinkFactory = std::function<Result<std::unique_ptr<LayerSink>>(const UnpackRequest&, std::stop_token)>;

/// Brings images into the store: config, then layers in parallel on one lane for the whole daemon,
/// then the commit. After a failure or cancellation nothing of it stays. Thread-safe.
class ImageInstaller {
 public:
  ImageInstaller(ImageStore& store, SinkFactory sinks, std::string unpack_program,
                 unsigned max_parallel_layers);

  Result<ImagePtr> install(const ContentSource& source, const InstallRequest& request, std::stop_token cancel,
                           PullProgress& watched);

 private:
  ImageStore& store_;
  SinkFactory sinks_;
  std::string unpack_program_;
  Lane lane_;
};

}  // namespace berth::image
