// SPDX-License-Identifier: Apache-2.0
#include "pid1/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

/// O_NONBLOCK so that a FIFO in the file's place is an error and not a wait.
int open_log(int dir, const char* name, Fd& file) {
  file.reset(sys::openat2(dir, name,
                          O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                          0640, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
  if (!file.is_open()) return errno;
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return errno;
  return S_ISREG(status.st_mode) ? 0 : EINVAL;
}

}  // namespace

int LogFile::open(Fd dir, const char* name) {
  const size_t length = strlen(name);
  if (length >= sizeof name_) return ENAMETOOLONG;
  memcpy(name_, name, length + 1);
  dir_ = static_cast<Fd&&>(dir);
  return reopen();
}

int LogFile::reopen() {
  if (!dir_.is_open()) return ENOENT;
  Fd file;
  const int err = open_log(dir_.get(), name_, file);
  if (err != 0) return err;
  file_ = static_cast<Fd&&>(file);
  torn_ = false;
  return 0;
}

void LogFile::append(const char* records, size_t size) {
  if (!file_.is_open() || size == 0) return;
  if (torn_) {
    if (::write(file_.get(), "\n", 1) != 1) {
      dropped_ += size;
      return;
    }
    torn_ = false;
  }
  size_t written = 0;
  while (written < size) {
    const ssize_t rc = ::write(file_.get(), records + written, size - written);
    if (rc < 0 && errno == EINTR) continue;
    if (rc <= 0) break;
    written += static_cast<size_t>(rc);
  }
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
}

}  // namespace berth::pid1
