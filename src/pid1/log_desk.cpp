// SPDX-License-Identifier: Apache-2.0
#include "pid1/log_desk.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "pid1/clock.h"
#include "pid1/place.h"
#include "pid1/sync.h"

namespace berth::pid1 {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kHalf = (LogDesk::kRoom + kMaxLogRecord + kPage - 1) / kPage * kPage;
constexpr size_t kDesk = (sizeof(LogDesk) + kPage - 1) / kPage * kPage;
constexpr size_t kMapped = kDesk + 2 * kHalf;
constexpr size_t kStack = 16u << 10;
/// At a time, so that a slow disk is seen to go forward.
constexpr size_t kPiece = 128u << 10;
constexpr int64_t kIdle = 1000 * kMillisecond;
constexpr int64_t kFullRetry = 100 * kMillisecond;

/// Whole records, at most kPiece of them.
size_t piece_of(const char* records, size_t size) {
  if (size <= kPiece) return size;
  const void* end = memrchr(records, '\n', kPiece);
  return static_cast<size_t>(static_cast<const char*>(end) - records) + 1;
}

}  // namespace

LogDesk* LogDesk::make() {
  void* memory =
      ::mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  ::madvise(memory, kMapped, MADV_DONTFORK);  // no business of the shim's children
  return new (Place{memory}) LogDesk();
}

LogDesk::LogDesk() {
  pthread_condattr_t attributes;
  ::pthread_condattr_init(&attributes);
  ::pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  ::pthread_cond_init(&work_, &attributes);
  ::pthread_mutex_init(&mutex, nullptr);
  filling = reinterpret_cast<char*>(this) + kDesk;
  writing_ = filling + kHalf;
}

void LogDesk::abandon() {
  bool is_last = false;
  {
    const Lock lock(*this);
    abandoned = true;
    is_last = !is_writing;
    ::pthread_cond_signal(&work_);
  }
  if (is_last) ::munmap(this, kMapped);
}

int LogDesk::rouse() {
  if (is_writing) {
    ::pthread_cond_signal(&work_);
    return 0;
  }
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes, kStack);
  pthread_t thread;
  const int err = ::pthread_create(&thread, &attributes, write, this);
  ::pthread_attr_destroy(&attributes);
  is_writing = err == 0;
  // A disk without a writer takes as little as one that hangs.
  if (err != 0 && busy_since == 0) busy_since = monotonic_ns();
  return err;
}

void* LogDesk::write(void* at) {
  auto* desk = static_cast<LogDesk*>(at);
  ::prctl(PR_SET_NAME, "berth-log", 0, 0, 0);
  const int err = ::unshare(CLONE_FILES) == 0 ? 0 : errno;
  bool is_last = false;
  {
    const Lock lock(*desk);
    if (err == 0) {
      desk->serve();
    } else if (desk->asked != desk->answered) {
      desk->answered = desk->asked;
      desk->outcome = err;
    }
    desk->is_writing = false;
    is_last = desk->abandoned;
  }
  if (is_last) ::munmap(desk, kMapped);
  return nullptr;
}

/// Begins and ends with the mutex held, as all that it calls.
void LogDesk::serve() {
  // Not before it is known that the numbers are still those that they were: whoever abandons closes them.
  if (!abandoned) take_descriptors();
  while (!abandoned) {
    if (asked != answered) {
      open_anew();
    } else if (written_ < size_ && !given_up) {
      write_some();
    } else if (filled > 0) {
      swap();
    } else if (!sleep(kIdle) && asked == answered && filled == 0 && rest_file()) {
      return;
    }
  }
}

void LogDesk::take_descriptors() {
  ::pthread_mutex_unlock(&mutex);
  const int keep[] = {dir, rest, wake, news};
  close_all_but(keep, sizeof keep / sizeof keep[0]);
  SyncMessage message = {};
  receive_sync(wake, message, file.file());
  ::pthread_mutex_lock(&mutex);
}

void LogDesk::open_anew() {
  const uint32_t number = asked;
  if (busy_since == 0) busy_since = monotonic_ns();
  ::pthread_mutex_unlock(&mutex);
  LogFile::Opened opened;
  const int err = file.open_anew(opened);
  ::pthread_mutex_lock(&mutex);
  busy_since = 0;
  if (asked != number || answered == number) return;  // nobody waits for it any more
  answered = number;
  outcome = err;
  if (err == 0) file.use(static_cast<LogFile::Opened&&>(opened));
  tell();
}

void LogDesk::swap() {
  char* const full = filling;
  filling = writing_;
  writing_ = full;
  size_ = filled;
  written_ = 0;
  filled = 0;
  if (wants_room) tell();
  wants_room = false;
}

void LogDesk::write_some() {
  const char* const records = writing_ + written_;
  const size_t size = piece_of(records, size_ - written_);
  if (busy_since == 0) busy_since = monotonic_ns();
  ::pthread_mutex_unlock(&mutex);
  const size_t done = file.is_open() ? file.append(records, size) : 0;
  ::pthread_mutex_lock(&mutex);
  if (given_up) {
    busy_since = 0;
    return;
  }
  const bool is_over = done == size || !waits || !file.is_full();
  if (is_over) dropped += size - done;
  const size_t settled_now = is_over ? size : done;
  written_ += settled_now;
  settled += settled_now;
  if (settled_now > 0) busy_since = 0;
  if (settled >= flush_mark) {
    flush_mark = kNoMark;
    tell();
  }
  if (!is_over) sleep(kFullRetry);
}

bool LogDesk::sleep(int64_t nanoseconds) {
  const int64_t until = monotonic_ns() + nanoseconds;
  const timespec time = {static_cast<time_t>(until / 1000000000), static_cast<long>(until % 1000000000)};
  return ::pthread_cond_timedwait(&work_, &mutex, &time) == 0;
}

bool LogDesk::rest_file() {
  if (file.is_open()) {
    SyncMessage message = {};
    iovec part = {&message, sizeof message};
    if (send_with_fd(rest, &part, 1, file.file().get()) != 0) return false;
    file.file().release();  // the copy here ends with the thread's table
  }
  ::madvise(reinterpret_cast<char*>(this) + kDesk, 2 * kHalf, MADV_DONTNEED);
  return true;
}

void LogDesk::tell() const {
  constexpr uint64_t kOne = 1;
  [[maybe_unused]] const ssize_t written = ::write(news, &kOne, sizeof kOne);
}

}  // namespace berth::pid1
