// SPDX-License-Identifier: Apache-2.0
#pragma once

// The cloned child between clone3() and execve(): what it was given, and how it talks to the shim.
// No allocation, no locks, no stdio: only system calls on borrowed bytes.

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "pid1/plan_format.h"
#include "pid1/plan_view.h"

namespace berth::pid1 {

struct Child {
  PlanView plan;
  const int* fds;                           // the plan's descriptors, header().fd_count of them
  int sync;                                 // to the shim
  int stdio[3];                             // what becomes 0, 1, 2; -1: /dev/null
  int host_null;                            // verified /dev/null of the host
  int pod_net, pod_ipc, pod_uts, pod_user;  // -1: the pod has none
  bool is_exec;
  rlimit nofile;              // the shim's own limit as it was before the shim raised it
  const char* oom_score_adj;  // likewise; nullptr when the shim did not change it

  int gate = -1;    // without the shim: what the gate reads from, and where everything after it is told
  int result = -1;  // both named pipes that are open for reading and writing
  const int* preserved = nullptr;  // become 3, 4, ... of the program
  uint32_t preserved_count = 0;

  pid_t host_pid = 0;      // as whoever launched it sees it; 0 when no step needs it
  int root = -1;           // directory that targets are relative to
  int proc = -1;           // see proc.h
  int null_tree = -1;      // mount of /dev/null for masking, see ops_mount.cpp
  int empty_tree = -1;     // empty read-only tmpfs for masking
  int pid_namespace = -1;  // that it will be born in, while somebody outside does its first steps
  bool born_late = false;  // those steps are done, see birth.h
  bool in_cgroup = false;  // already in the one of the header's into_cgroup_fd
  bool has_agent = false;  // that is given the filter's listener, by a descriptor of the plan
  bool settled = false;    // the shim's own adjustments are undone
  bool null_attached = false;
  bool empty_attached = false;
  bool in_working_dir = false;
  bool said_execing = false;
  bool sealed = false;  // only 0-2, what is preserved, and what the gate needs are left open
};

/// The child's whole life: runs the plan, or reports the failed step and exits.
[[noreturn]] void run_child(Child& child);

}  // namespace berth::pid1
