// SPDX-License-Identifier: Apache-2.0
#pragma once

// The process that outlives the daemon: one per pod, parent of its containers' main processes,
// owner of their output, logs and exit records. It lives in the host's namespaces, where no
// container can see it, and never interprets anything but launch plans.

#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "pid1/control.h"
#include "pid1/fd.h"
#include "pid1/followers.h"
#include "pid1/launcher.h"
#include "pid1/object.h"
#include "pid1/streams.h"

namespace berth::pid1 {

/// What an epoll event is about; packed with a table index and generation into its 64 bits.
enum class Source : uint8_t {
  kListener = 1,
  kControl,
  kSignals,
  kLogs,
  kStreams,  // the second-level epoll descriptor
  kPauseExit,
  kPauseSync,
  kMidwife,
  kObjectExit,
  kObjectSync,
  kStdout,  // second level
  kStderr,
  kFollower,
};

struct Pause {
  pid_t pid = 0;
  uint64_t start_time = 0;
  Fd pidfd;
  Fd sync;             // until it has said that it stands
  uint64_t seq = 0;    // of the InitPod that waits for it
  bool ready = false;  // it said so; standing once it has closed the socket after that
  int err = ECHILD;    // why it does not stand
};

struct Pod {
  bool initialised = false;
  Fd net, ipc, uts, user;
  Pause pause;
};

struct Shim {
  Fd listener;
  Fd directory;  // the pod's state directory
  Fd null;
  Fd own_pid_namespace;
  Fd signals;
  Fd log_news;                  // an eventfd: some log's writer has done what was waited for
  Fd events;                    // control, children: served first
  Fd stream_events;             // output: served when nothing else is waiting
  rlimit nofile = {};           // before it was raised
  char oom_score_adj[16] = {};  // before it was lowered; empty: it was not
  uint64_t start_time = 0;
  Control control;
  Pod pod;
  ObjectTable objects;
  Launcher launcher;
  StreamBuffers buffers;
  Followers followers;
  bool timers_armed = false;  // some object has a deadline
  bool leaving = false;
};

/// Takes over descriptors 3 and 4 and serves until kShutdown. The process's exit code.
int run_shim();

/// Adds `fd` to the first-level epoll set, level-triggered, for reading. 0, or an errno.
int watch(Shim& shim, int fd, Source source, const Object* object = nullptr);
/// Closes what is watched, which alone is not enough: a child that is frozen as soon as it is born has
/// copies of everything, and epoll goes on reporting what is open anywhere.
void unwatch(const Shim& shim, Fd& fd);

/// Field 22 of /proc/PID/stat: start in clock ticks since boot; 0 when the process is gone.
uint64_t start_time_of(pid_t pid);

}  // namespace berth::pid1
