// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/network_sampler.hpp"

#include <condition_variable>

#include "base/clock.hpp"

namespace berth::daemon {
namespace {

constexpr std::int64_t kNewEnoughNs = 500'000'000;

}  // namespace

/// What one refresh() waits for; its readers may outlive the wait.
struct NetworkSampler::Batch {
  Guarded<std::size_t> open;
  std::condition_variable done;
  void finish_one() {
    if (--*open.lock() == 0) done.notify_all();
  }
};

/// True when its sample is to be taken now, by us.
bool NetworkSampler::begin(const std::string& pod_id) {
  auto entries = entries_.lock();
  Entry& entry = (*entries)[pod_id];
  if (entry.reading || (entry.sample && now_ns() - entry.sample->taken_ns < kNewEnoughNs)) return false;
  entry.reading = true;
  return true;
}

void NetworkSampler::take(const std::string& pod_id) {
  auto interfaces = read_(pod_id);
  auto entries = entries_.lock();
  const auto entry = entries->find(pod_id);
  if (entry == entries->end()) return;  // forgotten meanwhile
  if (!interfaces) {                    // its namespace is gone
    entries->erase(entry);
    return;
  }
  entry->second = {std::make_shared<const Sample>(Sample{now_ns(), *std::move(interfaces)}), false};
}

void NetworkSampler::refresh(const std::vector<std::string>& pod_ids) {
  const auto batch = std::make_shared<Batch>();
  *batch->open.lock() = 1;  // us, until all are posted
  for (const auto& pod_id : pod_ids) {
    if (!begin(pod_id)) continue;
    ++*batch->open.lock();
    const auto read = [this, pod_id, batch] {
      take(pod_id);
      batch->finish_one();
    };
    if (lane_.try_post(read)) continue;
    batch->finish_one();
    if (auto entries = entries_.lock(); entries->contains(pod_id)) entries->at(pod_id).reading = false;
  }
  batch->finish_one();
  auto open = batch->open.lock();
  batch->done.wait_for(open.lock(), patience_, [&] { return *open == 0; });
}

std::shared_ptr<const NetworkSampler::Sample> NetworkSampler::get(const std::string& pod_id) const {
  auto entries = entries_.lock();
  const auto entry = entries->find(pod_id);
  return entry == entries->end() ? nullptr : entry->second.sample;
}

}  // namespace berth::daemon
