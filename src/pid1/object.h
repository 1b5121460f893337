// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pid1/cri_log.h"
#include "pid1/delivery.h"
#include "pid1/fd.h"
#include "pid1/journal.h"
#include "pid1/log_writer.h"
#include "pid1/plan_format.h"
#include "pid1/shim_protocol.h"

namespace berth::pid1 {

inline constexpr int64_t kNever = INT64_MAX;  // of monotonic deadlines in nanoseconds

/// The read end of a program's output.
struct Stream {
  Fd fd;
  LogStream tag = LogStream::kStdout;
  bool is_terminal = false;
  bool widened = false;  // the pipe was full once and is a larger one now
  char* rest = nullptr;  // kMaxLogText bytes for a line's beginning, mapped when first needed
  size_t rest_size = 0;
  char* held = nullptr;  // whole lines that the log had no room for
  size_t held_size = 0;
  timespec read_at = {};       // the last read
  bool waits_for_log = false;  // until it has room
  int64_t rearm_at = kNever;   // a terminal nobody has open, followers or a log without room: look again then
};

/// A container or an exec.
///
///   kLaunching --READY--> kCreated --exec--> kRunning --exit, drained, recorded--> kExited
///        \--- exec of a kExecObject ----------^
///
/// `ending` is set between the main process's end and kExited, while its output is read.
struct Object {
  ~Object();

  bool is_exec() const { return (flags & shim::kExecObject) != 0; }
  bool is_alive() const { return phase != shim::Phase::kExited; }
  bool has_open_stream() const { return streams[0].fd.is_open() || streams[1].fd.is_open(); }
  shim::ObjectState state() const;

  shim::ObjectId id = {};
  shim::Phase phase = shim::Phase::kLaunching;
  uint32_t flags = 0;
  pid_t pid = 0;
  uint64_t start_time = 0;
  int64_t started_ns = 0;
  Delivery delivery;  // until there is a pidfd
  Fd pidfd;
  Fd sync;                      // to the child before its execve
  Fd stdin_pipe;                // held open so that the program does not see an end of file
  bool stdin_attached = false;  // a client has had it
  uint32_t followers = 0;       // clients of its output
  Fd oom;
  Stream streams[2];
  LogWriter log;
  Journal journal;

  uint64_t launch_seq = 0;  // of requests that are yet to be answered; 0: none
  uint64_t start_seq = 0;
  uint64_t reopen_seq = 0;
  int64_t log_until = kNever;  // an opening of the log is waited for until then
  bool has_log = false;        // the first one succeeded
  bool said_execing = false;
  bool failed = false;
  plan::Failure failure = {};

  bool ending = false;
  int64_t quiet_until = kNever;  // no output until then: nobody is writing any more
  int64_t drain_until = kNever;  // whoever still holds the pipes, it is over then
  int64_t flush_until = kNever;  // however slowly the disk takes what is left
  shim::ExitRecord exit = {};

  uint32_t index = 0;       // in the table
  uint32_t generation = 0;  // tells this object's events from those of the slot's last tenant
};

/// Every object of the pod in a fixed table, mapped when the first one comes. Lowest free slot
/// first, so that few pages are ever touched.
class ObjectTable {
 public:
  static constexpr uint32_t kContainers = 64;
  static constexpr uint32_t kExecs = 256;
  static constexpr uint32_t kSize = kContainers + kExecs;

  /// nullptr with errno: ENOSPC when the table of this kind is full, ENOMEM.
  Object* add(bool is_exec);
  void remove(Object& object);
  Object* find(const shim::ObjectId& id);
  /// nullptr when the slot has another tenant by now.
  Object* at(uint32_t index, uint32_t generation);
  /// For walking: nullptr for a free slot. Indexes from limit() on are free.
  Object* at(uint32_t index) { return used_[index] ? slots_ + index : nullptr; }
  uint32_t limit() const { return limit_; }

 private:
  Object* slots_ = nullptr;
  bool used_[kSize] = {};
  uint32_t limit_ = 0;  // one above the highest slot ever used
  uint32_t generation_ = 0;
};

}  // namespace berth::pid1
