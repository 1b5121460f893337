// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/usage_sampler.hpp"

#include "base/clock.hpp"

namespace berth::daemon {

std::optional<UsageSampler::Sample> UsageSampler::get(const std::string& container_id) {
  std::optional<Sample> known;
  bool start = false;
  {
    auto entries = entries_.lock();
    Entry& entry = (*entries)[container_id];
    known = entry.sample;
    const bool fresh = known && now_ns() - known->taken_ns < kFreshNs;
    if (!fresh && !entry.walking) start = entry.walking = true;
  }
  if (start && !background_.try_post([this, container_id] { walk(container_id); })) {
    auto entries = entries_.lock();
    (*entries)[container_id].walking = false;
  }
  return known;
}

void UsageSampler::walk(const std::string& container_id) {
  auto usage = snapshots_.usage(container_id);
  auto entries = entries_.lock();
  auto entry = entries->find(container_id);
  if (entry == entries->end()) return;  // forgotten meanwhile
  entry->second.walking = false;
  if (usage) entry->second.sample = Sample{now_ns(), *usage};
}

void UsageSampler::forget(const std::string& container_id) {
  entries_.lock()->erase(container_id);
}

}  // namespace berth::daemon
