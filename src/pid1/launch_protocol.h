// SPDX-License-Identifier: Apache-2.0
#pragma once

// How `berth-pid1 launch` is told what to launch, and what it and its child say back: packets on
// one inherited SOCK_SEQPACKET socket. With plan_format.h all that a program needs which starts
// containers without a shim.

#include <stdint.h>

#include <type_traits>

#include "pid1/plan_format.h"

namespace berth::launch {

inline constexpr uint32_t kMagic = 0x48434e4c;  // "LNCH"
inline constexpr uint32_t kVersion = 1;
inline constexpr int kSocketFd = 3;  // of the started program
inline constexpr uint32_t kNoFd = 0xffffffff;
inline constexpr uint32_t kMaxPreserved = 40;  // with the plan's below the kernel's SCM_MAX_FD

/// The one request. Descriptor positions are those of the packet's SCM_RIGHTS array.
struct Request {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t plan_fd;        // sealed memfd
  uint32_t first_plan_fd;  // the plan's descriptors, in its order
  uint32_t plan_fd_count;
  uint32_t stdio_fd[3];  // kNoFd: /dev/null of the container
  uint32_t gate_fd;      // what the gate reads one byte from; kNoFd: it waits for kGo on the socket
  uint32_t result_fd;    // with gate_fd: where everything after the gate is told
  uint32_t first_preserved_fd;
  uint32_t preserved_fd_count;  // they become 3, 4, ... of the program
};
enum Flags : uint32_t {
  kIsExec = 1u << 0,    // joins a container rather than being one
  kInCgroup = 1u << 1,  // the launcher was born in the v2 group that the child is to be born in
};

/// What is said before execve. Also between the shim and its children.
struct Message {
  enum Kind : uint32_t {
    kReady = 1,  // child: waiting at the gate; pause: standing
    kTerminal,   // child: the pty's master comes along
    kExecing,    // child: nothing but the filter and execve is left
    kFailed,     // child: `failure` says where; it exits
    kGo,         // to the child: the gate is open, or the hooks have run
    kSync,       // child: at kSync, waiting for kGo
    kLaunched,   // launcher: `pid` is the child's
  };
  uint32_t kind;
  plan::Failure failure;
  int32_t pid = 0;
};

static_assert(std::is_trivially_copyable_v<Request> && sizeof(Request) == 52);
static_assert(std::is_trivially_copyable_v<Message> && sizeof(Message) == 16);

}  // namespace berth::launch
