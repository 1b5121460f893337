// SPDX-License-Identifier: Apache-2.0
#pragma once

// A launch plan as bytes: what the daemon decided, in the order in which the shim's child does it.
// Plain data, fixed widths, no pointers; every string, array and blob is an offset into the blob
// (0 = absent). This header and shim_protocol.h are all that pid1 and the daemon share.

#include <stdint.h>

#include <type_traits>

namespace berth::plan {

inline constexpr uint32_t kMagic = 0x4e4c5031;  // "1PLN"
inline constexpr uint32_t kVersion = 1;
inline constexpr uint32_t kMaxSize = 8u << 20;
inline constexpr uint32_t kMaxOps = 4096;
inline constexpr uint32_t kMaxFds = 200;  // with the message's own below the kernel's SCM_MAX_FD (253)

/// Phases run in this order; the shim refuses a plan with an op out of its phase.
enum class Phase : uint8_t {
  kJoin = 1,    // cgroups, existing namespaces, what needs the host's /proc
  kUnshare,     // namespaces that must be made after the cgroup was joined
  kFiles,       // the mount tree under the new root
  kPivot,       // the new root becomes the root
  kMask,        // read-only root, masked and read-only paths
  kSetup,       // rlimits, host name, umask, stdio or terminal, working directory
  kPrivileges,  // label, groups, bounding set, ids, capabilities, no_new_privs, program lookup
  kGate,        // wait for Start
  kSeccomp,     // the filter, when no_new_privs is on (otherwise it is in kPrivileges, before the ids)
  kExec,
};

/// Paths of kFiles and kMask ops are inside the new root and are resolved by
/// openat2(RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS) on its fd; missing mount points are created
/// component by component. proc and sysfs targets must be real directories (RESOLVE_NO_SYMLINKS).
enum class OpKind : uint16_t {
  // kJoin
  kJoinCgroup = 1,  // fd: an open cgroup.procs or, in v1, tasks; writes "0"
  kSetns,           // fd, flags: CLONE_NEW* (several at once when fd is a pidfd)
  kOomScoreAdj,     // text: decimal; lowering without the right is not an error (EACCES, EPERM)
  kRlimit,  // mode: RLIMIT_*, flags: soft, value: hard; in kSetup. In kJoin the hard limit is raised if it
            // is lower, for a process that will have no right to it later
  // kUnshare
  kUnshare,  // flags: CLONE_NEW*
  // kFiles
  kRootPropagation,  // flags: MS_REC|MS_SLAVE ... on "/" of the new mount namespace
  kAttachRoot,       // fd: detached mount, target: an empty host directory to attach it to
  kMakeDir,          // target, mode; existing is fine
  kMountNew,  // text: fs type, target, extra: string list of options, flags: MOUNT_ATTR_*, mode: of a created
              // mount point, value: MountExtra
  kAttachTree,  // fd: detached tree, target, mode: 0 directory mount point, 1 file mount point,
                // flags: 1 = no symbolic link in target is followed
  kMountAttr,   // target, flags: MOUNT_ATTR_* to set, value: to clear, mode: 1 = recursive, text: propagation
                // as decimal MS_* or absent; also in kMask
  kMakeNode,  // target, flags: dev_t, mode: S_IFCHR|0666 ..., value: uid << 32 | gid; an equal existing node
              // is fine
  kSymlink,   // text: what it points to, target; EEXIST is fine
  // kPivot
  kPivot,  // pivot_root(".", ".") into the attached root. mode: 1 = where that cannot be (a ramdisk): the
           // root
           // is moved over "/", after the mount points in extra (string list) were emptied
  // kMask
  kMaskPath,  // target, fd: the host's verified /dev/null; files get it bound, directories an empty read-only
              // tmpfs; ENOENT is fine
  kReadonlyPath,  // target; ENOENT is fine
  // kSetup
  kHostname,    // text
  kDomainname,  // text
  kUmask,       // mode
  kStdio,     // value: uid that shall own pipes; dup2 of the streams that the launch request asked for, then
              // setsid. mode: 1 = whoever clones has given them to flags, the uid on the host
  kTerminal,  // flags: rows << 16 | columns (0 = leave), value: uid; new pty of the container's own devpts,
              // master to the shim, setsid, controlling terminal, /dev/console bound
  kWorkingDir,  // text, mode: 1 = create when missing (0755, root); refused when outside the root; also in
                // kPrivileges, for when only the user may enter it
  kKeyring,     // text: name of a new session keyring; a kernel without keyrings or quota is fine
  // kPrivileges
  kGroups,        // extra: uint32 array, value: count
  kBoundingSet,   // value: mask of capabilities to keep
  kIds,           // flags: uid, value: gid, mode: 1 = keep permitted capabilities over the change
  kCapabilities,  // extra: uint64[4] = effective, permitted, inheritable, ambient
  kNoNewPrivs,
  kFindProgram,  // one of the exec candidates must be executable: fails with the first telling errno
  // kGate
  kGate,
  // kPrivileges or kSeccomp
  kSeccomp,  // extra: struct sock_filter array, value: count, flags: SECCOMP_FILTER_FLAG_*; with NEW_LISTENER
             // fd: a socket of the agent, text: what is sent there with the listener, kPidMark in it
             // standing for the process's number on the host
  // kExec
  kExec,  // execve of the first candidate that is there, with the header's argv and envp
  // kPrivileges; numbered last, for the shims of an older daemon
  kLabel,  // text: AppArmor profile (mode kApparmorLabel) or SELinux label (kSelinuxLabel) that the execve
           // gives;
           // fd: the root of the host's procfs

  // Later additions: numbers never change, a daemon may be newer than a shim.
  // kJoin
  kIdMaps =
      64,       // By::kMidwifeAfter only. text: uid_map, target: gid_map, mode: 1 = setgroups is denied first
  kScheduler,   // extra: uint64[7] = policy, flags, nice, priority, runtime, deadline, period
  kIoPriority,  // flags: class << 13 | level
  kMemoryPolicy,  // mode: MPOL_* | MPOL_F_*, extra: uint64 array of node bits, value: count
  kAffinity,      // extra: uint64 array of CPU bits, value: count; none: every CPU
  kMoveLink,      // By::kMidwifeAfter or By::kMidwifeBefore. text: name of a network device, target: its new
                  // name, fd: network namespace; absent: the child's
  // kUnshare
  kTimeOffsets,  // text: lines for timens_offsets; makes a time namespace, shifts its clocks, enters it
  kLinkUp,       // text: network device, extra: uint64[4] per address = family | prefix << 8 | scope << 16 |
                 // flags << 32, then 16 bytes in two words, broadcast or 0; value: count of addresses
  // kFiles
  kBecomeRoot,  // flags: uid, value: gid: whom the files that are made here belong to, all capabilities kept
  kSysctl,      // target: path below /proc/sys of a procfs that is nobody else's, text: value
  kSync,        // tells whoever launched it that the mount tree stands, and waits for its word: hooks run now
  // kSetup
  kPersonality,  // flags
};

/// Who does an op. A midwife clones the child from outside of the namespaces that it is born into, and
/// has the host's rights: what it does to itself before is inherited, what it does after is done to the
/// child, which waits. There is one only if a plan needs it.
enum class By : uint8_t { kChild = 0, kMidwifeBefore, kMidwifeAfter };

inline constexpr char kPidMark = 0x1f;  // no JSON text has it

/// What else a new file system gets.
enum MountExtra : uint64_t {
  kCopyUp = 1u << 0,  // what it covers is copied into it first
};

inline constexpr uint32_t kApparmorLabel = 1;
inline constexpr uint32_t kSelinuxLabel = 2;

struct Op {
  OpKind kind;
  Phase phase;
  By by;
  uint32_t mode;
  uint32_t text;    // offset of a NUL-terminated string, 0 = absent
  uint32_t target;  // likewise
  uint32_t extra;   // offset of an array, 8-byte aligned, or of a string list: NUL-terminated strings, closed
                    // by an empty one
  uint32_t fd;      // index into the descriptors that came with the plan, or one of the kPod* names, or kNoFd
  uint64_t flags;
  uint64_t value;
};

inline constexpr uint32_t kNoFd = 0xffffffff;
// Descriptors that the shim holds for its pod, so that a restarted daemon need not.
inline constexpr uint32_t kPodNet = 0xfffffff0;
inline constexpr uint32_t kPodIpc = 0xfffffff1;
inline constexpr uint32_t kPodUts = 0xfffffff2;
inline constexpr uint32_t kPodPid = 0xfffffff3;  // of the pause process; only valid as Header::join_pid_fd
inline constexpr uint32_t kPodUser = 0xfffffff4;

struct Header {
  uint32_t magic;
  uint32_t version;
  uint32_t total_size;
  uint32_t op_count;        // Ops follow the header
  uint32_t fd_count;        // descriptors that the plan expects
  uint32_t join_pid_fd;     // pid namespace that the child is born in: fd (pidfd or nsfs), kPodPid, or kNoFd
  uint32_t into_cgroup_fd;  // cgroup v2 directory for CLONE_INTO_CGROUP, or kNoFd
  uint32_t argc;
  uint32_t argv;  // offset of uint64[argc + 1] of string offsets; the shim turns them into pointers
  uint32_t envc;
  uint32_t envp;  // likewise
  uint32_t candidate_count;
  uint32_t candidates;  // offset of uint64[candidate_count + 1]: paths to try in order
  uint32_t reserved;
  uint64_t clone_flags;  // CLONE_NEW* given to clone3
};

/// All a child ever says about a failure; the daemon, which wrote the plan, knows what step
/// `op_index` meant and turns this into a sentence.
struct Failure {
  uint32_t op_index;
  int32_t err;
};
inline constexpr uint32_t kFailedBeforeOps = 0xffffffff;  // clone3 itself, or preparing it

static_assert(std::is_trivially_copyable_v<Op> && sizeof(Op) == 40);
static_assert(std::is_trivially_copyable_v<Header> && sizeof(Header) == 64);

}  // namespace berth::plan
