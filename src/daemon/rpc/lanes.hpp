// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/lane.hpp"
#include "daemon/config.hpp"
#include "daemon/state/event_feed.hpp"

namespace berth::daemon::rpc {

/// Three pools, so that one kind of work never waits behind another: `quick` reads memory only,
/// `work` is elastic (draining a node is 110 StopContainers waiting out their grace periods), `pull`
/// is bounded by configuration. A full lane answers RESOURCE_EXHAUSTED at once.
struct Lanes {
  explicit Lanes(const Config& config)
      : quick({.name = "quick", .min_threads = 2, .max_threads = 8, .queue_limit = 4096}),
        work({.name = "work", .min_threads = 2, .max_threads = config.max_work_threads, .queue_limit = 1024}),
        pull({.name = "pull",
              .min_threads = 0,
              .max_threads = config.max_parallel_pulls,
              .queue_limit = 1024}),
        events({.name = "events",
                .min_threads = 1,
                .max_threads = 2,
                .queue_limit = EventFeed::kMaxSubscribers}) {}
  Lane quick;
  Lane work;
  Lane pull;
  Lane events;  ///< of GetContainerEvents
};

}  // namespace berth::daemon::rpc
