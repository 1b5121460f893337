// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pid1/fd.h"

namespace berth::pid1 {

/// One container's log file. Never truncates what is there, never blocks the container: what
/// cannot be written is dropped and counted. Records are whole in the file, or not in it.
class LogFile {
 public:
  /// Opens `name` beneath `dir`, which is kept for reopening. EINVAL when it is no regular file.
  int open(Fd dir, const char* name);
  /// Opens the file of that name anew; records go there from now on. On failure everything stays.
  int reopen();
  bool is_open() const { return file_.is_open(); }
  /// Appends whole records.
  void append(const char* records, size_t size);
  uint64_t dropped() const { return dropped_; }

 private:
  /// After `written` of the records: takes back what is left of a torn one.
  void cut_back(const char* records, size_t written);

  Fd dir_;
  Fd file_;
  uint64_t dropped_ = 0;  // bytes of records
  bool torn_ = false;     // the file ends within a record that could not be taken back
  char name_[256] = {};
};

}  // namespace berth::pid1
