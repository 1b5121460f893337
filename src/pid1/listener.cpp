// SPDX-License-Identifier: Apache-2.0
#include "pid1/listener.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "pid1/fd.h"
#include "pid1/ops.h"
#include "pid1/sync.h"
#include "pid1/sys.h"
#include "pid1/text.h"

namespace berth::pid1 {
namespace {

constexpr size_t kStackSize = 16u << 10;
constexpr size_t kMaxParts = 16;  // of the text, with the numbers between them
constexpr long kPause = 50'000;   // nanoseconds between looks
// Not CLONE_FILES: the child closes its descriptors meanwhile.
constexpr int kThread = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

alignas(16) char stack[kStackSize];

int load(const int& value) {
  return __atomic_load_n(&value, __ATOMIC_ACQUIRE);
}

/// `text` with the number wherever there is a mark.
size_t split(const char* text, const Text<16>& number, iovec (&parts)[kMaxParts]) {
  size_t count = 0;
  while (count + 2 < kMaxParts) {
    const char* mark = strchr(text, plan::kPidMark);
    const size_t length = mark == nullptr ? strlen(text) : static_cast<size_t>(mark - text);
    parts[count++] = {const_cast<char*>(text), length};
    if (mark == nullptr) break;
    parts[count++] = {const_cast<char*>(number.c_str()), number.size()};
    text = mark + 1;
  }
  return count;
}

}  // namespace

int ListenerCourier::start(const Child& child, const plan::Op& op) {
  agent_ = fd_of(child, op.fd);
  text_ = child.plan.text(op.text);
  pid_ = child.host_pid;
  if (agent_ < 0 || text_ == nullptr) return EBADF;
  return ::clone(run, stack + kStackSize, kThread, this) < 0 ? errno : 0;
}

int ListenerCourier::hand_over(int listener) {
  __atomic_store_n(&listener_, listener, __ATOMIC_RELEASE);
  int result = kNone;
  while (result == kNone) result = load(result_);
  return result;
}

int ListenerCourier::run(void* courier) {
  auto* self = static_cast<ListenerCourier*>(courier);
  int listener = kNone;
  while ((listener = load(self->listener_)) == kNone) {
    const timespec pause = {0, kPause};
    ::nanosleep(&pause, nullptr);
  }
  const int result = listener < 0 ? 0 : self->deliver(listener);
  __atomic_store_n(&self->result_, result, __ATOMIC_RELEASE);
  return 0;
}

int ListenerCourier::deliver(int listener) const {
  const Fd process(sys::pidfd_open(::getpid()));
  if (!process.is_open()) return errno;
  const Fd own(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), listener, 0)));
  if (!own.is_open()) return errno;
  Text<16> number;
  number.number(static_cast<uint64_t>(pid_));
  iovec parts[kMaxParts];
  const size_t count = split(text_, number, parts);
  return send_with_fd(agent_, parts, count, own.get());
}

pid_t pid_in_proc() {
  char text[16];
  const ssize_t length = ::readlink("/proc/self", text, sizeof text);
  uint64_t value = 0;
  return length > 0 && parse_number(text, text + length, value) ? static_cast<pid_t>(value) : 0;
}

}  // namespace berth::pid1
