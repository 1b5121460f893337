// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the daemon and a pod's shim say to each other over one SOCK_SEQPACKET connection: one
// message is one packet, descriptors ride along as SCM_RIGHTS. Little-endian plain structs.
// Unknown trailing bytes are ignored, so a newer daemon may append fields; a new daemon talks to
// an old shim after the version handshake.

#include <stdint.h>

#include <type_traits>

namespace berth::shim {

inline constexpr uint32_t kMagic = 0x4d494853;  // "SHIM"
inline constexpr uint16_t kVersionMin = 1;
inline constexpr uint16_t kVersionMax = 1;
inline constexpr uint32_t kMaxMessage = 4096;

// How a shim is started: `berth-pid1 shim`, with these descriptors and nothing else.
inline constexpr int kListenFd = 3;  // bound, listening seqpacket socket (<pod dir>/shim.sock)
inline constexpr int kPodDirFd = 4;  // the pod's state directory: exit records are written here

enum class Type : uint16_t {
  // requests (daemon -> shim); each is answered by one kReply with the same seq
  kHello = 1,  // Hello -> HelloReply
  kInitPod,    // InitPod + fds -> InitPodReply
  kLaunch,     // Launch + fds -> LaunchReply (containers: when the exec gate is reached; execs: when exec
               // succeeded)
  kStart,      // ObjectRequest -> nothing: exec succeeded
  kSignal,     // SignalRequest -> nothing: main process only; ESRCH when it has exited
  kReopenLog,  // ObjectRequest -> nothing: new records go to the new file
  kRemove,     // ObjectRequest -> nothing: forget an exited object and its exit record; EBUSY while it lives
  kList,       // nothing -> kListItem messages with the same seq, then the kReply
  kShutdown,   // nothing -> nothing: EBUSY while a container lives; ends the pause process, removes the
               // socket, exits
  kResize,     // ResizeRequest -> nothing: terminal size
  kAttach,     // Attach + pipes -> nothing, and with it a descriptor, if there is one: the terminal's master,
               // or the write end of the stdin pipe
  kEndStdin,   // ObjectRequest -> nothing: the shim lets go of the stdin pipe
  // shim -> daemon
  kReply = 100,
  kListItem,     // ObjectState
  kExited,       // ObjectState of a container or exec whose main process ended, record already on disk, log
                 // flushed
  kPauseExited,  // nothing: the pod's shared PID namespace is gone
};

struct Header {
  uint32_t magic;
  Type type;
  uint16_t version;
  uint64_t seq;  // requests count up from 1; events carry 0
};

/// 64 lower-case hex digits, not NUL-terminated: pod, container and exec IDs.
struct ObjectId {
  char hex[64];
};

/// Follows Header in every kReply; the request's own reply struct follows it when err is 0.
struct Reply {
  int32_t err;        // 0, or an errno
  uint32_t op_index;  // of kLaunch and kStart failures: plan::Failure::op_index; otherwise kNoOp
};
inline constexpr uint32_t kNoOp = 0xfffffffe;
inline constexpr uint32_t kOpenLog = 0xfffffffd;  // of a kLaunch: the container's log could not be opened

struct Hello {
  uint16_t version_min;
  uint16_t version_max;
  uint32_t reserved;
};
struct HelloReply {
  uint16_t version;  // the one to speak
  uint16_t reserved;
  int32_t pid;  // of the shim
  uint64_t start_time;
  int32_t pause_pid;  // 0: none
  uint32_t pod_initialised;
};

/// Descriptor positions in the message's SCM_RIGHTS array; kNoFd = not given.
inline constexpr uint32_t kNoFd = 0xffffffff;
struct InitPod {
  ObjectId pod;
  uint32_t net_fd;  // namespaces that the shim keeps for the pod's containers; kNoFd: the host's
  uint32_t ipc_fd;
  uint32_t uts_fd;
  uint32_t share_pid;        // 1: start the pause process in a new PID namespace
  uint32_t first_cgroup_fd;  // tasks descriptors for the pause process ...
  uint32_t cgroup_fd_count;  // ... and how many
  uint32_t into_cgroup_fd;   // the cgroup v2 directory that pause is born in; kNoFd: the shim's own
  uint32_t user_fd;          // user namespace that the others, and that of pause, belong to
};
struct InitPodReply {
  int32_t pause_pid;
  uint32_t reserved;
  uint64_t pause_start_time;
};

enum LaunchFlags : uint32_t {
  kExecObject = 1u << 0,  // an exec: no gate, no log, no exit record on disk
  kStdinPipe = 1u << 1,   // stdin is a pipe that the shim holds open; otherwise /dev/null
  kStdinOnce = 1u << 2,
  kTerminal = 1u << 3,  // the plan has a kTerminal op; output comes from the pty master. An exec's goes
                        // to the daemon with the LaunchReply
  kGivenStdio =
      1u << 4,          // stdin, stdout, stderr are the three descriptors from stdio_fd on (kNoFd: /dev/null)
  kLogWaits = 1u << 5,  // for a full disk; otherwise what has no room is dropped and counted
};
struct Launch {
  ObjectId id;
  uint32_t flags;
  uint32_t plan_fd;        // sealed memfd
  uint32_t first_plan_fd;  // the plan's descriptors, in its order
  uint32_t plan_fd_count;
  uint32_t stdio_fd[3];
  uint32_t log_dir_fd;     // directory of the CRI log; kNoFd: output is read and discarded
  uint32_t oom_fd;         // memory.oom_control (v1) or memory.events (v2) of the object's cgroup: the line
                           // "oom_kill N" is read at exit
  uint32_t log_max_files;  // rotated files that are kept
  uint64_t log_max_size;   // bytes of the file before the shim rotates it; 0: it does not
  char log_name[256];      // file name within log_dir_fd, NUL-terminated
  uint32_t journal_fd;     // a socket connected to systemd's journal; kNoFd: only the file
  uint32_t reserved;
  char journal_fields[1024];  // lines "NAME=value" that every entry has; NUL-terminated when shorter
};
struct LaunchReply {
  int32_t pid;  // in the host's PID namespace
  uint32_t reserved;
  uint64_t start_time;  // clock ticks since boot, as in /proc/PID/stat
};

struct ObjectRequest {
  ObjectId id;
};
struct SignalRequest {
  ObjectId id;
  int32_t signal_number;
  uint32_t reserved;
};
struct ResizeRequest {
  ObjectId id;
  uint16_t rows;
  uint16_t columns;
  uint32_t reserved;
};

/// A client of a container's output: the write ends of pipes of 1 MiB. The shim closes them when the
/// output has ended, or when the client does not keep up.
struct Attach {
  ObjectId id;
  uint32_t out_fd;  // kNoFd: not wanted
  uint32_t err_fd;
};

enum class Phase : uint32_t { kLaunching = 1, kCreated, kRunning, kExited };

/// How an object ended. Also the content of `<pod dir>/<id>.exit`, written before kExited is sent.
struct ExitRecord {
  uint32_t magic;         // kExitMagic
  uint32_t version;       // 1
  int32_t exit_code;      // 0-255, or 128 + signal
  int32_t signal_number;  // 0: it exited by itself
  uint32_t core_dumped;
  uint32_t never_started;  // 1: it ended before the gate was opened
  int64_t started_ns;      // realtime; 0 when never started
  int64_t finished_ns;
  uint64_t oom_kills;
  uint64_t log_bytes_dropped;
  uint64_t user_us;
  uint64_t system_us;
};
inline constexpr uint32_t kExitMagic = 0x54495845;  // "EXIT"

struct ObjectState {
  ObjectId id;
  Phase phase;
  uint32_t flags;  // LaunchFlags
  int32_t pid;
  uint32_t reserved;
  uint64_t start_time;
  int64_t started_ns;
  ExitRecord exit;  // valid when phase is kExited
};

static_assert(sizeof(Header) == 16 && std::is_trivially_copyable_v<Header>);
static_assert(sizeof(ObjectId) == 64);
static_assert(sizeof(ExitRecord) == 72 && std::is_trivially_copyable_v<ExitRecord>);
static_assert(sizeof(ObjectState) == 168 && std::is_trivially_copyable_v<ObjectState>);
static_assert(sizeof(Launch) == 1400 && std::is_trivially_copyable_v<Launch>);

}  // namespace berth::shim
