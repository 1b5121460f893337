// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/retry.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/metrics.hpp"

namespace berth::daemon {
namespace {

constexpr std::chrono::milliseconds kFirstDelay{1000};
constexpr std::chrono::milliseconds kLongestDelay{300'000};

struct Task {
  Services& with;
  std::string what;
  std::function<Result<void>()> work;
  std::chrono::milliseconds delay = kFirstDelay;
};

void post(const std::shared_ptr<Task>& task);

void run_later(const std::shared_ptr<Task>& task) {
  task->with.reactor->after(task->delay, [task] { post(task); });
  task->delay = std::min(task->delay * 2, kLongestDelay);
}

void post(const std::shared_ptr<Task>& task) {
  const bool posted = task->with.background->try_post([task] {
    auto done = task->work();
    if (done) return;
    metrics::count("cleanup_failures", "retried");
    log::warn("clean-up failed, will be tried again",
              {{"what", task->what}, {"error", done.error().to_string()}});
    run_later(task);
  });
  if (!posted) run_later(task);
}

}  // namespace

void retry_until_done(Services& with, std::string what, std::function<Result<void>()> work) {
  post(std::make_shared<Task>(Task{with, std::move(what), std::move(work)}));
}

}  // namespace berth::daemon
