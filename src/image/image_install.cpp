// SPDX-License-Identifier: Apache-2.0
#include "image/image_install.hpp"

#include <algorithm>
#include <utility>

#include "base/cat.hpp"
#include "base/log.hpp"
#include "image/chain_id.hpp"
#include "image/layer_batch.hpp"
#include "image/platform.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxQueuedLayers = 100'000;  // far above what the pulls in flight can ask for

Result<void> check_config(const ImageConfig& config, const Manifest& manifest) {
  if (config.diff_ids.size() != manifest.layers.size()) {
    return Error(Code::kFailedPrecondition,
                 cat("the manifest has ", manifest.layers.size(), " layers, the image config ",
                     config.diff_ids.size(), " diff IDs"));
  }
  for (const Digest& diff_id : config.diff_ids) {
    if (diff_id.algorithm() == "sha256") continue;
    return Error(Code::kFailedPrecondition, cat("the diff ID ", diff_id.text(), " is not a sha256"));
  }
  // Wrong labels exist, and an emulator may run what the processor does not: the exec will tell.
  if (!config.architecture.empty() && config.architecture != host_platform().architecture) {
    log::warn("an image is for another processor",
              {{"image", manifest.config.digest.text()}, {"architecture", config.architecture}});
  }
  return {};
}

}  // namespace

Result<std::string> read_small_blob(const ContentSource& source, const Descriptor& blob,
                                    std::stop_token cancel) {
  if (blob.size > kMaxConfigSize)
    return Error(Code::kFailedPrecondition,
                 cat("it has ", blob.size, " bytes, the limit is ", kMaxConfigSize));
  std::string bytes;
  const BlobReader append = [&bytes](std::span<const std::byte> data) -> Result<void> {
    bytes.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  };
  RETURN_IF_ERROR(source.read_blob(blob, append, cancel));
  return bytes;
}

ImageInstaller::ImageInstaller(ImageStore& store, SinkFactory sinks, std::string unpack_program,
                               unsigned max_parallel_layers)
    : store_(store),
      sinks_(std::move(sinks)),
      unpack_program_(std::move(unpack_program)),
      lane_({"image-layer", 0, std::max(max_parallel_layers, 1U), kMaxQueuedLayers, 10}) {}

Result<ImagePtr> ImageInstaller::install(const ContentSource& source, const InstallRequest& request,
                                         std::stop_token cancel, PullProgress& watched) {
  const Digest& id = request.manifest.config.digest;
  auto config_json = read_small_blob(source, request.manifest.config, cancel);
  if (!config_json) return std::move(config_json).context(cat("fetch config ", id.text())).error();
  ASSIGN_OR_RETURN(ImageConfig config, parse_image_config(*config_json));
  RETURN_IF_ERROR(check_config(config, request.manifest));
  std::vector<std::string> chains = chain_ids(config.diff_ids);
  watched.begin(request.manifest.layers);
  LayerBatch batch(store_, sinks_, unpack_program_, source, watched);
  for (std::size_t at = 0; at < chains.size(); ++at)
    batch.add(request.manifest.layers[at], config.diff_ids[at], chains[at]);
  RETURN_IF_ERROR(batch.run(lane_, cancel));
  auto image =
      store_.commit_image({id.text(), *std::move(config_json), request.manifest_json, std::move(config),
                           std::move(chains), request.repo_tag, request.repo_digests, request.signatures});
  if (image) batch.keep();
  return std::move(image).context("commit");
}

}  // namespace berth::image
