// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "pid1/cri_log.h"
#include "pid1/log_file.h"

namespace berth::pid1 {

/// What the two sides of a log share: the shim's loop, which must never wait for a disk, and the writer,
/// a thread that does nothing else. Each lets go of it at its own time; the last one unmaps it.
///
/// The writer's descriptors are its own, because whoever closes a file on a disk that hangs may hang as well,
/// and every child of the shim closes copies of all that the shim has. A writer that has had nothing to do
/// for a while leaves the open file in a socket, where it is in nobody's table, and ends.
class LogDesk {
 public:
  static constexpr size_t kRoom = 512u << 10;  // of each half of the queue
  static constexpr uint64_t kNoMark = UINT64_MAX;

  /// nullptr when there is no memory. It begins with one order to open the file.
  static LogDesk* make();
  /// The loop is through with it.
  void abandon();
  /// To be called with the mutex held: there is work. 0, or an errno when there is no writer and no thread
  /// for it.
  int rouse();

  class Lock {
   public:
    explicit Lock(LogDesk& desk) : desk_(desk) { ::pthread_mutex_lock(&desk_.mutex); }
    ~Lock() { ::pthread_mutex_unlock(&desk_.mutex); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    LogDesk& desk_;
  };

  // Set before the writer begins. Descriptors are the loop's; the writer has copies of the same numbers.
  LogFile file;  // the writer's
  bool waits = false;
  int dir = -1;
  int rest = -1;  // the socket in which a file lies that nobody writes to, ...
  int wake = -1;  // ... and the one that it comes out of
  int news = -1;  // an eventfd for the loop

  // Under the mutex.
  pthread_mutex_t mutex;
  char* filling =
      nullptr;  // the loop's half of the queue; behind its kRoom there is room for one record more
  size_t filled = 0;
  uint64_t accepted = 0;          // bytes of records that were ever put there, ...
  uint64_t settled = 0;           // ... that were written or dropped since, ...
  uint64_t dropped = 0;           // ... and of all, those that are in no file
  int64_t busy_since = 0;         // monotonic: since then nothing has gone forward; 0: the disk owes nothing
  uint64_t flush_mark = kNoMark;  // there is news when so much is settled
  bool wants_room = false;        // there is news when `filling` is empty
  uint32_t asked = 1;             // openings; what is not answered yet is to be done
  uint32_t answered = 0;
  int outcome = 0;          // of the last answered one: 0, or an errno
  bool given_up = false;    // what is queued, and comes yet, is dropped
  bool is_writing = false;  // there is a writer
  bool abandoned = false;   // there is no loop any more

 private:
  LogDesk();
  static void* write(void* desk);
  void serve();
  void take_descriptors();
  void open_anew();
  void swap();
  void write_some();
  /// Until there is work; false: there was none for so long.
  bool sleep(int64_t nanoseconds);
  /// Leaves the file and the memory; false: it cannot.
  bool rest_file();
  void tell() const;

  pthread_cond_t work_;
  char* writing_ = nullptr;  // the writer's half
  size_t written_ = 0;
  size_t size_ = 0;
};

}  // namespace berth::pid1
