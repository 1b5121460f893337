// SPDX-License-Identifier: Apache-2.0
#include "image/pull_progress.hpp"

namespace berth::image {

void PullProgress::begin(const std::vector<Descriptor>& layers) {
  auto mine = layers_.lock();
  mine->clear();
  for (const Descriptor& layer : layers) mine->push_back({layer.digest.text(), layer.size, 0, {}});
}

void PullProgress::set(std::size_t layer, LayerProgress::State state) {
  auto mine = layers_.lock();
  if (state == LayerProgress::State::kFetching) (*mine)[layer].fetched = 0;
  (*mine)[layer].state = state;
}

}  // namespace berth::image
