// SPDX-License-Identifier: Apache-2.0
#include "pid1/log_news.h"

#include <errno.h>
#include <unistd.h>

#include "pid1/clock.h"
#include "pid1/launch.h"
#include "pid1/reap.h"

namespace berth::pid1 {
namespace {

constexpr int64_t kMaxOpening = 1000 * kMillisecond;

}  // namespace

void await_opening(Shim& shim, Object& object) {
  object.log_until = monotonic_ns() + kMaxOpening;
  shim.timers_armed = true;
}

void settle_opening(Shim& shim, uint32_t index, int64_t now) {
  Object* const object = shim.objects.at(index);
  if (object == nullptr || object->log_until == kNever) return;
  int err = object->log.outcome();
  if (err == EINPROGRESS) {
    if (now < object->log_until) return;
    object->log.cancel();
    err = ETIMEDOUT;
  }
  object->log_until = kNever;
  if (!object->has_log) return log_opened(shim, *object, err);
  if (object->reopen_seq != 0) shim.control.reply(object->reopen_seq, err);
  object->reopen_seq = 0;
}

void serve_logs(Shim& shim) {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t size = ::read(shim.log_news.get(), &count, sizeof count);
  const int64_t now = monotonic_ns();
  for (uint32_t i = 0; i < shim.objects.limit(); ++i) {
    Object* const object = shim.objects.at(i);
    if (object == nullptr) continue;
    rearm_logged(shim, *object);
    finish_if_drained(shim, *object);
    settle_opening(shim, i, now);
  }
}

}  // namespace berth::pid1
