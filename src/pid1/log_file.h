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

/// One container's log file. Never truncates what is there. Records are whole in the file, or not in it.
/// Every call may take as long as the disk does.
class LogFile {
 public:
  /// A file that was opened and is not in use yet.
  struct Opened {
    Fd file;
    uint64_t size = 0;
  };

  LogFile() = default;
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  /// The file is `name` beneath `dir`, which stays the caller's. 0, or ENAMETOOLONG.
  int set_place(int dir, const char* name, const LogLimits& limits = {});
  /// Opens the file of that name anew, and changes nothing. EINVAL when it is no regular file.
  int open_anew(Opened& opened) const;
  /// Records go there from now on.
  void use(Opened opened);
  bool is_open() const { return file_.is_open(); }
  Fd& file() { return file_; }
  /// Appends whole records, to a new file if they would make this one too large. How many bytes of
  /// whole records are in the file; what is missing is not there in part.
  size_t append(const char* records, size_t size);
  /// Whether it was for want of room that the last append fell short.
  bool is_full() const { return full_; }

 private:
  /// After `written` of the records: takes back what is left of a torn one. The size of it.
  size_t cut_back(const char* records, size_t written);
  bool end_torn_record();
  void rotate();

  int dir_ = -1;
  Fd file_;
  LogLimits limits_;
  uint64_t size_ = 0;  // of the file
  bool full_ = false;
  bool torn_ = false;  // the file ends within a record that could not be taken back
  char name_[256] = {};
};

}  // namespace berth::pid1
