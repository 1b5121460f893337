// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/lane.hpp"
#include "image/layout.hpp"
#include "image/overlay_mount.hpp"
#include "image/snapshotter.hpp"

namespace berth::image {

/// The Snapshotter over overlayfs and layout.hpp. No state of its own: the directories are it.
class OverlaySnapshotter final : public Snapshotter {
 public:
  static Result<std::unique_ptr<Snapshotter>> open(const std::string& root, ImageStore& store);
  ~OverlaySnapshotter() override;

  Result<UniqueFd> prepare(const std::string& key, const Image& image, int id_map) override;
  Result<UniqueFd> mount_image(const Image& image, int id_map, const std::string& inside) override;
  Result<void> check_id_map(int id_map) const override;
  Result<void> remove(const std::string& key) override;
  std::vector<std::string> keys() const override;
  Result<Usage> usage(const std::string& key) const override;
  std::string upper_dir(const std::string& key) const override;

 private:
  OverlaySnapshotter(const std::string& root, ImageStore& store);
  Result<OverlayRequest> lowers_of(const Image& image) const;
  Result<void> make_directories(const std::string& key, const Image& image,
                                const OverlayRequest& request) const;
  void empty_trash();

  const SnapshotLayout layout_;
  ImageStore& store_;
  std::atomic<std::uint64_t> next_trash_ = 0;
  std::atomic<bool> closing_ = false;
  Lane trash_;  // last: its tasks use the rest
};

}  // namespace berth::image
