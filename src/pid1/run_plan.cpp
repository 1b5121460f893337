// SPDX-License-Identifier: Apache-2.0
// Child side: the interpreter of launch plans. From clone3() to execve() there is no allocation, no
// lock and no stdio, only system calls on borrowed bytes.

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pid1/birth.h"
#include "pid1/child.h"
#include "pid1/listener.h"
#include "pid1/netlink.h"
#include "pid1/ops.h"
#include "pid1/sync.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

using plan::OpKind;

constexpr int kExitFailed = 128;  // what the kubelet shows for a container that could not start

int join_cgroup(Child& child, const plan::Op& op) {
  return ::write(fd_of(child, op.fd), "0", 1) == 1 ? 0 : errno;
}

int set_oom_score(const char* value) {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const size_t length = strlen(value);
  const ssize_t written = ::write(fd, value, length);
  const int err = written == static_cast<ssize_t>(length) ? 0 : errno;
  ::close(fd);
  return err;
}

int oom_score_adj(Child& child, const plan::Op& op) {
  const int err = set_oom_score(child.plan.text(op.text));
  return err == EACCES || err == EPERM ? 0 : err;
}

int set_limit(const plan::Op& op) {
  if (op.phase == plan::Phase::kJoin) return raise_limit(op);
  const rlimit limit{op.flags, op.value};
  return sys::error_of(sys::prlimit(static_cast<int>(op.mode), &limit, nullptr));
}

/// Moves a descriptor above all numbers from which it could be in another's way. -1 stays.
int lift(int& fd, int above) {
  if (fd < 0) return 0;
  fd = ::fcntl(fd, F_DUPFD_CLOEXEC, above);
  return fd < 0 ? errno : 0;
}

int settle(int& fd, int number) {
  if (fd < 0 || fd == number) return 0;
  if (::dup3(fd, number, O_CLOEXEC) < 0) return errno;
  fd = number;
  return 0;
}

/// What the program shall have from 3 on; everything else closes itself at execve.
int place_preserved(Child& child, int first_own) {
  int lifted[launch::kMaxPreserved] = {};
  int err = 0;
  for (uint32_t i = 0; i < child.preserved_count && err == 0; ++i) {
    lifted[i] = child.preserved[i];
    err = lift(lifted[i], first_own);
  }
  if (err == 0) err = lift(child.sync, first_own);
  if (err == 0) err = lift(child.gate, first_own);
  if (err == 0) err = lift(child.result, first_own);
  for (uint32_t i = 0; i < child.preserved_count && err == 0; ++i) {
    err = sys::error_of(::dup2(lifted[i], static_cast<int>(3 + i)));
  }
  return err;
}

/// Nothing but 0-2, what is preserved, and what the gate needs stays open.
int seal_descriptors(Child& child) {
  if (child.sealed) return 0;
  constexpr int kOwn = 3;
  const int first_own = 3 + static_cast<int>(child.preserved_count);
  int err = 0;
  if (child.preserved_count != 0 || child.gate >= 0) {
    err = place_preserved(child, first_own + kOwn);
    if (err == 0) err = settle(child.gate, first_own + 1);
    if (err == 0) err = settle(child.result, first_own + 2);
  }
  if (err == 0) err = settle(child.sync, first_own);
  const int kept = child.gate >= 0 ? kOwn : 1;
  if (err == 0) err = sys::error_of(::close_range(static_cast<unsigned>(first_own + kept), ~0U, 0));
  child.root = -1;
  child.sealed = err == 0;
  return err;
}

/// Waits for the word of whoever holds the other end; if that one is gone, it never comes.
int wait_for_go(Child& child, SyncMessage::Kind said) {
  send_sync(child.sync, {said, {}});
  SyncMessage message = {};
  ssize_t size = 0;
  do {
    size = ::read(child.sync, &message, sizeof message);
  } while (size < 0 && errno == EINTR);
  if (size != sizeof message || message.kind != SyncMessage::kGo) ::_exit(kExitFailed);
  return 0;
}

/// Waits for Start. Without a shim whoever starts is another process than whoever launched, and is
/// told what comes after. By read and write alone: the filter may be loaded already.
int wait_at_gate(Child& child) {
  if (child.gate < 0) return wait_for_go(child, SyncMessage::kReady);
  send_sync(child.sync, {SyncMessage::kReady, {}});
  char word = 0;
  ssize_t size = 0;
  do {
    size = ::read(child.gate, &word, 1);
  } while (size < 0 && errno == EINTR);
  if (size != 1) ::_exit(kExitFailed);
  ::close(child.sync);
  ::close(child.gate);
  child.sync = child.result;
  child.gate = -1;
  child.result = -1;
  return 0;
}

/// It may be a long time, in which whoever may trace it sees what it has.
int wait_sealed(Child& child) {
  const int err = child.has_agent ? 0 : seal_descriptors(child);
  return err != 0 ? err : wait_at_gate(child);
}

/// The filter may forbid what is needed to tell the shim, so it is told before.
int seal_and(Child& child, const plan::Op& op, int (*last_step)(Child&, const plan::Op&)) {
  const int err = seal_descriptors(child);
  if (err != 0) return err;
  const bool is_last = op.kind == OpKind::kExec || op.phase == plan::Phase::kSeccomp;
  if (is_last && !child.said_execing) send_sync(child.sync, {SyncMessage::kExecing, {}});
  child.said_execing = child.said_execing || is_last;
  return last_step(child, op);
}

int load_seccomp_with_agent(Child& child, const plan::Op& op) {
  ListenerCourier courier;
  int err = courier.start(child, op);
  if (err != 0) return err;
  err = seal_and(child, op, [](Child&, const plan::Op&) { return 0; });
  int listener = -1;
  if (err == 0) err = load_filter(child, op, listener);
  const int delivered = courier.hand_over(listener);
  return err != 0 ? err : delivered;
}

int execute_added(Child& child, const plan::Op& op) {
  switch (op.kind) {
    case OpKind::kScheduler:
      return set_scheduler(child, op);
    case OpKind::kIoPriority:
      return set_io_priority(child, op);
    case OpKind::kMemoryPolicy:
      return set_memory_policy(child, op);
    case OpKind::kAffinity:
      return set_affinity(child, op);
    case OpKind::kTimeOffsets:
      return time_offsets(child, op);
    case OpKind::kLinkUp:
      return bring_link_up(child.plan.text(op.text),
                           op.value == 0 ? nullptr : child.plan.array<uint64_t>(op.extra), op.value);
    case OpKind::kBecomeRoot:
      return become_root(child, op);
    case OpKind::kSysctl:
      return set_sysctl(child, op);
    case OpKind::kPersonality:
      return set_personality(child, op);
    default:
      return EBADMSG;
  }
}

int execute_early(Child& child, const plan::Op& op) {
  switch (op.kind) {
    case OpKind::kJoinCgroup:
      return join_cgroup(child, op);
    case OpKind::kSetns:
      return sys::error_of(::setns(fd_of(child, op.fd), static_cast<int>(op.flags)));
    case OpKind::kOomScoreAdj:
      return oom_score_adj(child, op);
    case OpKind::kRlimit:
      return set_limit(op);
    case OpKind::kUnshare:
      return sys::error_of(::unshare(static_cast<int>(op.flags)));
    case OpKind::kRootPropagation:
      return root_propagation(child, op);
    case OpKind::kAttachRoot:
      return attach_root(child, op);
    case OpKind::kMakeDir:
      return make_dir(child, op);
    case OpKind::kMountNew:
      return mount_new(child, op);
    case OpKind::kAttachTree:
      return attach_tree(child, op);
    case OpKind::kMountAttr:
      return mount_attr(child, op);
    case OpKind::kMakeNode:
      return make_node(child, op);
    case OpKind::kSymlink:
      return make_symlink(child, op);
    case OpKind::kPivot:
      return pivot(child, op);
    case OpKind::kSync:
      return wait_for_go(child, SyncMessage::kSync);
    case OpKind::kMaskPath:
      return mask_path(child, op);
    case OpKind::kReadonlyPath:
      return readonly_path(child, op);
    default:
      return execute_added(child, op);
  }
}

int execute(Child& child, const plan::Op& op) {
  const char* text = child.plan.text(op.text);
  switch (op.kind) {
    case OpKind::kHostname:
      return sys::error_of(::sethostname(text, strlen(text)));
    case OpKind::kDomainname:
      return sys::error_of(::setdomainname(text, strlen(text)));
    case OpKind::kUmask:
      ::umask(op.mode);
      return 0;
    case OpKind::kStdio:
      return connect_stdio(child, op);
    case OpKind::kTerminal:
      return open_terminal(child, op);
    case OpKind::kWorkingDir:
      return working_dir(child, op);
    case OpKind::kKeyring:
      return join_keyring(child, op);
    case OpKind::kLabel:
      return set_label(child, op);
    case OpKind::kGroups:
      return set_groups(child, op);
    case OpKind::kBoundingSet:
      return bounding_set(child, op);
    case OpKind::kIds:
      return set_ids(child, op);
    case OpKind::kCapabilities:
      return set_capabilities(child, op);
    case OpKind::kNoNewPrivs:
      return no_new_privs(child, op);
    case OpKind::kFindProgram:
      return find_program(child, op);
    case OpKind::kGate:
      return wait_sealed(child);
    case OpKind::kSeccomp:
      if ((op.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0) return load_seccomp_with_agent(child, op);
      return seal_and(child, op, load_seccomp);
    case OpKind::kExec:
      return seal_and(child, op, execute_program);
    default:
      return execute_early(child, op);
  }
}

/// The shim's own adjustments must not become the container's.
void undo_inheritance(const Child& child) {
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setrlimit(RLIMIT_NOFILE, &child.nofile);
  if (child.oom_score_adj != nullptr) set_oom_score(child.oom_score_adj);
  // Children inherit it, and the daemon's own CPUs are none of the container's business.
  use_every_cpu();
}

void keep_only_own(const Child& child) {
  constexpr uint32_t kOwn = 10;
  int keep[kOwn + plan::kMaxFds + launch::kMaxPreserved] = {
      child.stdio[0], child.stdio[1], child.stdio[2], child.host_null, child.pod_net,
      child.pod_ipc,  child.pod_uts,  child.sync,     child.gate,      child.result};
  uint32_t count = kOwn;
  memcpy(keep + count, child.fds, child.plan.header().fd_count * sizeof(int));
  count += child.plan.header().fd_count;
  if (child.preserved_count != 0) {
    memcpy(keep + count, child.preserved, child.preserved_count * sizeof(int));
    count += child.preserved_count;
  }
  close_all_but(keep, count);
}

}  // namespace

int run_op(Child& child, const plan::Op& op) {
  return execute(child, op);
}

void settle_child(Child& child) {
  if (child.settled) return;
  undo_inheritance(child);
  child.settled = true;
}

int fd_of(const Child& child, uint32_t fd) {
  switch (fd) {
    case plan::kNoFd:
      return -1;
    case plan::kPodNet:
      return child.pod_net;
    case plan::kPodIpc:
      return child.pod_ipc;
    case plan::kPodUts:
      return child.pod_uts;
    case plan::kPodUser:
      return child.pod_user;
    default:
      return child.fds[fd];
  }
}

int agent_of(const Child& child) {
  const uint32_t filter = child.plan.find(OpKind::kSeccomp);
  return filter == child.plan.header().op_count ? -1 : fd_of(child, child.plan.op(filter).fd);
}

int root_of(Child& child) {
  if (child.root < 0) child.root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return child.root;
}

void run_child(Child& child) {
  child.has_agent = agent_of(child) >= 0;
  if (child.has_agent && child.host_pid == 0) child.host_pid = pid_in_proc();
  keep_only_own(child);
  settle_child(child);
  const uint32_t count = child.plan.header().op_count;
  for (uint32_t i = 0; i < count; ++i) {
    const plan::Op& op = child.plan.op(i);
    const bool is_done = op.by != plan::By::kChild || (child.born_late && is_early(op));
    const int err = is_done ? 0 : execute(child, op);
    if (err == 0) continue;
    send_sync(child.sync, {SyncMessage::kFailed, {i, err}});
    ::_exit(kExitFailed);
  }
  ::_exit(kExitFailed);
}

}  // namespace berth::pid1
