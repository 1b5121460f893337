// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pid1/fd.h"
#include "pid1/log_desk.h"

namespace berth::pid1 {

/// A container's log as the shim's loop sees it: a bounded queue of records that a thread writes, see
/// log_desk.h. Nothing here waits for the disk.
class LogWriter {
 public:
  LogWriter() = default;
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  ~LogWriter();

  /// Has `name` beneath `dir` opened; outcome() says how that went. 0, or an errno when it cannot even begin.
  /// `news` is an eventfd that is written to when there is an outcome, room, or all is flushed, if somebody
  /// asked for it.
  int open(Fd dir, const char* name, const LogLimits& limits, int news);
  /// Has the file of that name opened anew. EBUSY while another opening is under way.
  int reopen();
  bool is_open() const { return desk_ != nullptr; }
  /// Of the last opening: 0, or an errno; EINPROGRESS while it is under way.
  int outcome() const;
  /// Forgets an opening that is under way: the old file stays in use.
  void cancel();

  /// False: ask again when there is news. A log that drops always has room when the disk hangs.
  bool has_room();
  /// Queues the whole lines of `text`, as many as there is room for; bytes of them. What a log drops is
  /// counted and gone.
  size_t append(LogPrefix& prefix, const char* text, size_t size);
  /// A line without its end; false when there is no room.
  bool append_tail(LogPrefix& prefix, const char* text, size_t size);
  /// Whether all is written that was queued when this was asked first.
  bool is_flushed();
  /// Whether the disk has taken nothing for 2 s.
  bool is_stuck() const;
  /// What is queued, and what comes yet, is dropped. Of the write that hangs nobody knows: it is counted,
  /// too.
  void give_up();
  /// Bytes of records.
  uint64_t dropped() const;

 private:
  // With the mutex held.
  bool hangs() const;
  bool drops() const;

  Fd dir_;
  Fd rest_[2];
  LogDesk* desk_ = nullptr;
  uint64_t flush_mark_ = LogDesk::kNoMark;
};

}  // namespace berth::pid1
