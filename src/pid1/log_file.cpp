// SPDX-License-Identifier: Apache-2.0
#include "pid1/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

/// O_NONBLOCK so that a FIFO in the file's place is an error and not a wait.
int open_log(int dir, const char* name, Fd& file, uint64_t& size) {
  file.reset(sys::openat2(dir, name,
                          O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                          0640, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
  if (!file.is_open()) return errno;
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return errno;
  size = static_cast<uint64_t>(status.st_size);
  return S_ISREG(status.st_mode) ? 0 : EINVAL;
}

constexpr size_t kMaxNumber = 1 + 10;  // ".1" and on

/// NAME.NUMBER; NAME itself for 0.
void put_name(char* out, const char* name, uint32_t number) {
  const size_t length = strlen(name);
  memcpy(out, name, length + 1);
  if (number == 0) return;
  char digits[kMaxNumber];
  size_t count = 0;
  for (; number > 0; number /= 10) digits[count++] = static_cast<char>('0' + number % 10);
  char* to = out + length;
  *to++ = '.';
  while (count > 0) *to++ = digits[--count];
  *to = '\0';
}

}  // namespace

int LogFile::open(Fd dir, const char* name, const LogLimits& limits) {
  const size_t length = strlen(name);
  if (length >= sizeof name_) return ENAMETOOLONG;
  memcpy(name_, name, length + 1);
  limits_ = limits;
  dir_ = static_cast<Fd&&>(dir);
  return reopen();
}

int LogFile::reopen() {
  if (!dir_.is_open()) return ENOENT;
  Fd file;
  uint64_t size = 0;
  const int err = open_log(dir_.get(), name_, file, size);
  if (err != 0) return err;
  give_back();
  file_ = static_cast<Fd&&>(file);
  size_ = size;
  torn_ = false;
  return 0;
}

bool LogFile::make_room(size_t size) {
  constexpr uint64_t kAhead = 1u << 20;
  if (size_ + size <= reserved_) return true;
  const auto wanted = static_cast<off_t>(size + kAhead);
  if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(size_), wanted) == 0) {
    reserved_ = size_ + static_cast<uint64_t>(wanted);
    return true;
  }
  // Anything else will not get better by waiting.
  return errno != ENOSPC && errno != EDQUOT;
}

void LogFile::give_back() {
  if (reserved_ > size_) (void)sys::error_of(::ftruncate(file_.get(), static_cast<off_t>(size_)));
  reserved_ = 0;
}

/// On a failure the file just grows on.
void LogFile::rotate() {
  char from[sizeof name_ + kMaxNumber];
  char to[sizeof from];
  put_name(to, name_, limits_.max_files);
  for (uint32_t number = limits_.max_files; number > 0; --number) {
    put_name(from, name_, number - 1);
    if (::renameat(dir_.get(), from, dir_.get(), to) != 0 && errno != ENOENT) return;
    memcpy(to, from, sizeof to);
  }
  if (limits_.max_files == 0 && ::unlinkat(dir_.get(), name_, 0) != 0) return;
  reopen();
}

void LogFile::append(const char* records, size_t size) {
  if (!file_.is_open() || size == 0) return;
  if (limits_.max_size > 0 && size_ > 0 && size_ + size > limits_.max_size) rotate();
  if (torn_) {
    if (::write(file_.get(), "\n", 1) != 1) {
      dropped_ += size;
      return;
    }
    torn_ = false;
    ++size_;
  }
  size_t written = 0;
  while (written < size) {
    const ssize_t rc = ::write(file_.get(), records + written, size - written);
    if (rc < 0 && errno == EINTR) continue;
    if (rc <= 0) break;
    written += static_cast<size_t>(rc);
  }
  size_ += written;
  dropped_ += size - written;
  if (written < size) cut_back(records, written);
}

void LogFile::cut_back(const char* records, size_t written) {
  if (written == 0) return;
  const void* newline = memrchr(records, '\n', written);
  const size_t whole =
      newline == nullptr ? 0 : static_cast<size_t>(static_cast<const char*>(newline) - records) + 1;
  const size_t torn = written - whole;
  if (torn == 0) return;
  dropped_ += torn;
  // O_APPEND leaves the offset at the end of what was just written.
  const off_t end = ::lseek(file_.get(), 0, SEEK_CUR);
  torn_ = end < static_cast<off_t>(torn) || ::ftruncate(file_.get(), end - static_cast<off_t>(torn)) != 0;
  if (!torn_) size_ -= torn;
}

}  // namespace berth::pid1
