// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pid1/fd.h"

namespace berth::pid1 {

/// What the node's configuration says about logs; by itself the kubelet rotates, and a full disk drops.
struct LogLimits {
  uint64_t max_size = 0;   // bytes of a file before it is rotated here; 0: it is not
  uint32_t max_files = 0;  // kept beside it: NAME.1, the newest, to NAME.<max_files>
  bool waits = false;      // for a full disk, so that nothing is dropped
};

/// One container's log file. Never truncates what is there; what cannot be written is dropped and
/// counted. Records are whole in the file, or not in it.
class LogFile {
 public:
  LogFile() = default;
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile() { give_back(); }
  /// Opens `name` beneath `dir`, which is kept for reopening. EINVAL when it is no regular file.
  int open(Fd dir, const char* name, const LogLimits& limits = {});
  /// Opens the file of that name anew; records go there from now on. On failure everything stays.
  int reopen();
  bool is_open() const { return file_.is_open(); }
  /// Whether a full disk is waited for.
  bool waits() const { return limits_.waits && file_.is_open(); }
  /// Reserves room on the disk; false while it is full. Only a log that waits needs it.
  bool make_room(size_t size);
  /// Appends whole records, to a new file if they would make this one too large.
  void append(const char* records, size_t size);
  uint64_t dropped() const { return dropped_; }

 private:
  /// After `written` of the records: takes back what is left of a torn one.
  void cut_back(const char* records, size_t written);
  void rotate();
  /// Room that was reserved and not used.
  void give_back();

  Fd dir_;
  Fd file_;
  LogLimits limits_;
  uint64_t size_ = 0;      // of the file
  uint64_t reserved_ = 0;  // up to this size the disk has room for it
  uint64_t dropped_ = 0;   // bytes of records
  bool torn_ = false;      // the file ends within a record that could not be taken back
  char name_[256] = {};
};

}  // namespace berth::pid1
