// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/stream_pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace berth::daemon::streaming {
namespace {

Result<UniqueFd> make_pipe(UniqueFd& ours, int our_index, int size) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "create pipe", "");
  ours.reset(ends[our_index]);
  UniqueFd theirs(ends[1 - our_index]);
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0)
    return Error::from_errno(errno, "set pipe non-blocking", "");
  (void)::fcntl(ours.get(), F_SETPIPE_SZ, size);  // one that is refused stays as it is
  return theirs;
}

}  // namespace

Result<UniqueFd> pipe_from(UniqueFd& ours, int size) {
  return make_pipe(ours, 0, size);
}

Result<UniqueFd> pipe_to(UniqueFd& ours) {
  return make_pipe(ours, 1, kPipeSize);
}

}  // namespace berth::daemon::streaming
