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

int LogFile::set_place(int dir, const char* name, const LogLimits& limits) {
  const size_t length = strlen(name);
  if (length >= sizeof name_) return ENAMETOOLONG;
  memcpy(name_, name, length + 1);
  limits_ = limits;
  dir_ = dir;
  return 0;
}

int LogFile::open_anew(Opened& opened) const {
  return open_log(dir_, name_, opened.file, opened.size);
}

void LogFile::use(Opened opened) {
  file_ = static_cast<Fd&&>(opened.file);
  size_ = opened.size;
  torn_ = false;
}

/// On a failure the file just grows on.
void LogFile::rotate() {
  char from[sizeof name_ + kMaxNumber];
  char to[sizeof from];
  put_name(to, name_, limits_.max_files);
  for (uint32_t number = limits_.max_files; number > 0; --number) {
    put_name(from, name_, number - 1);
    if (::renameat(dir_, from, dir_, to) != 0 && errno != ENOENT) return;
    memcpy(to, from, sizeof to);
  }
  if (limits_.max_files == 0 && ::unlinkat(dir_, name_, 0) != 0) return;
  Opened opened;
  if (open_anew(opened) == 0) use(static_cast<Opened&&>(opened));
}

bool LogFile::end_torn_record() {
  if (!torn_) return true;
  if (::write(file_.get(), "\n", 1) != 1) return false;
  torn_ = false;
  ++size_;
  return true;
}

size_t LogFile::append(const char* records, size_t size) {
  if (limits_.max_size > 0 && size_ > 0 && size_ + size > limits_.max_size) rotate();
  size_t written = 0;
  bool goes_on = end_torn_record();
  while (goes_on && written < size) {
    const ssize_t rc = ::write(file_.get(), records + written, size - written);
    if (rc > 0) written += static_cast<size_t>(rc);
    goes_on = rc > 0 || (rc < 0 && errno == EINTR);
  }
  full_ = written < size && (errno == ENOSPC || errno == EDQUOT);
  size_ += written;
  return written < size ? written - cut_back(records, written) : written;
}

size_t LogFile::cut_back(const char* records, size_t written) {
  const void* newline = memrchr(records, '\n', written);
  const size_t whole =
      newline == nullptr ? 0 : static_cast<size_t>(static_cast<const char*>(newline) - records) + 1;
  const size_t torn = written - whole;
  if (torn == 0) return 0;
  // O_APPEND leaves the offset at the end of what was just written.
  const off_t end = ::lseek(file_.get(), 0, SEEK_CUR);
  torn_ = end < static_cast<off_t>(torn) || ::ftruncate(file_.get(), end - static_cast<off_t>(torn)) != 0;
  if (!torn_) size_ -= torn;
  return torn;
}

}  // namespace berth::pid1
