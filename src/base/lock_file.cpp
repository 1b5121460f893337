// SPDX-License-Identifier: Apache-2.0
#include "base/lock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <thread>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth {

Result<UniqueFd> lock_file(const std::string& path, std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + patience;
  ASSIGN_OR_RETURN(UniqueFd lock, open_at(kCwd, path, O_RDWR | O_CREAT, 0600));
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return Error::from_errno(errno, "lock", path);
    if (Clock::now() >= deadline)
      return Error(Code::kFailedPrecondition, cat(path, " is held by another process"));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return lock;
}

}  // namespace berth
