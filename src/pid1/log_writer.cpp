// SPDX-License-Identifier: Apache-2.0
#include "pid1/log_writer.h"

#include <errno.h>
#include <sys/socket.h>

#include "pid1/clock.h"

namespace berth::pid1 {
namespace {

/// A disk that has taken nothing for so long hangs.
constexpr int64_t kPatience = 2000 * kMillisecond;
/// For what one read brings; unless its lines are very short it is enough.
constexpr size_t kWantedRoom = LogDesk::kRoom / 2 + kMaxLogRecord;

}  // namespace

LogWriter::~LogWriter() {
  if (desk_ != nullptr) desk_->abandon();
}

int LogWriter::open(Fd dir, const char* name, const LogLimits& limits, int news) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return errno;
  for (int i = 0; i < 2; ++i) rest_[i].reset(pair[i]);
  dir_ = static_cast<Fd&&>(dir);
  desk_ = LogDesk::make();
  if (desk_ == nullptr) return ENOMEM;
  desk_->waits = limits.waits;
  desk_->dir = dir_.get();
  desk_->rest = rest_[0].get();
  desk_->wake = rest_[1].get();
  desk_->news = news;
  const int err = desk_->file.set_place(dir_.get(), name, limits);
  if (err != 0) return err;
  const LogDesk::Lock lock(*desk_);
  return desk_->rouse();
}

int LogWriter::reopen() {
  if (desk_ == nullptr) return ENOENT;
  const LogDesk::Lock lock(*desk_);
  if (desk_->asked != desk_->answered) return EBUSY;
  ++desk_->asked;
  const int err = desk_->rouse();
  if (err != 0) desk_->answered = desk_->asked;
  return err;
}

int LogWriter::outcome() const {
  if (desk_ == nullptr) return 0;
  const LogDesk::Lock lock(*desk_);
  return desk_->asked != desk_->answered ? EINPROGRESS : desk_->outcome;
}

void LogWriter::cancel() {
  const LogDesk::Lock lock(*desk_);
  desk_->answered = desk_->asked;
  desk_->outcome = ETIMEDOUT;
}

bool LogWriter::hangs() const {
  return desk_->busy_since != 0 && monotonic_ns() - desk_->busy_since >= kPatience;
}

bool LogWriter::drops() const {
  if (desk_->given_up) return true;
  return !desk_->waits && hangs();
}

bool LogWriter::has_room() {
  if (desk_ == nullptr) return true;
  const LogDesk::Lock lock(*desk_);
  if (LogDesk::kRoom - desk_->filled >= kWantedRoom || drops()) return true;
  desk_->wants_room = true;
  return false;
}

size_t LogWriter::append(LogPrefix& prefix, const char* text, size_t size) {
  const LogDesk::Lock lock(*desk_);
  size_t consumed = 0;
  if (!desk_->given_up) {
    const LogProgress queued =
        format_lines(prefix, text, size, desk_->filling + desk_->filled, LogDesk::kRoom - desk_->filled);
    consumed = queued.consumed;
    desk_->filled += queued.produced;
    desk_->accepted += queued.produced;
    if (desk_->filled > 0) (void)desk_->rouse();
  }
  while (consumed < size && drops()) {
    const LogProgress lost = format_lines(prefix, text + consumed, size - consumed,
                                          desk_->filling + LogDesk::kRoom, kMaxLogRecord);
    if (lost.consumed == 0) break;
    consumed += lost.consumed;
    desk_->dropped += lost.produced;
  }
  return consumed;
}

bool LogWriter::append_tail(LogPrefix& prefix, const char* text, size_t size) {
  const LogDesk::Lock lock(*desk_);
  const bool has_room = LogDesk::kRoom - desk_->filled >= kMaxLogRecord && !desk_->given_up;
  if (!has_room && !drops()) {
    desk_->wants_room = true;
    return false;
  }
  const size_t at = has_room ? desk_->filled : LogDesk::kRoom;
  const size_t produced = format_tail(prefix, text, size, desk_->filling + at);
  if (has_room) {
    desk_->filled += produced;
    desk_->accepted += produced;
    (void)desk_->rouse();
  } else {
    desk_->dropped += produced;
  }
  return true;
}

bool LogWriter::is_flushed() {
  if (desk_ == nullptr) return true;
  const LogDesk::Lock lock(*desk_);
  if (flush_mark_ == LogDesk::kNoMark) flush_mark_ = desk_->accepted;
  if (desk_->settled >= flush_mark_) return true;
  desk_->flush_mark = flush_mark_;
  return false;
}

bool LogWriter::is_stuck() const {
  if (desk_ == nullptr) return false;
  const LogDesk::Lock lock(*desk_);
  return hangs();
}

void LogWriter::give_up() {
  if (desk_ == nullptr) return;
  const LogDesk::Lock lock(*desk_);
  desk_->dropped += desk_->accepted - desk_->settled;
  desk_->settled = desk_->accepted;
  desk_->filled = 0;
  desk_->given_up = true;
}

uint64_t LogWriter::dropped() const {
  if (desk_ == nullptr) return 0;
  const LogDesk::Lock lock(*desk_);
  return desk_->dropped;
}

}  // namespace berth::pid1
