// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/preload_images.hpp"

#include <algorithm>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"

namespace berth::daemon {
namespace {

void preload(Services& with) {
  const std::string& directory = with.config.preload_dir;
  auto names = list_dir(directory);
  if (!names) {
    log::warn("cannot preload images", {{"error", names.error().to_string()}});
    return;
  }
  std::sort(names->begin(), names->end());
  for (const std::string& name : *names) {
    if (name.starts_with('.')) continue;  // somebody is still writing it
    const std::string path = cat(directory, "/", name);
    const auto imported = with.puller->import(path, "", with.config.policy, with.stopping.get_token());
    if (with.stopping.stop_requested()) return;
    if (!imported) log::warn("cannot preload images", {{"error", imported.error().to_string()}});
    if (imported) log::info("images preloaded", {{"path", path}});
  }
}

}  // namespace

void preload_images(Services& with, Lane& lane) {
  if (with.config.preload_dir.empty()) return;
  if (!lane.try_post([&with] { preload(with); })) log::warn("cannot preload images: too busy");
}

}  // namespace berth::daemon
