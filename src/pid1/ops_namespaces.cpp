// SPDX-License-Identifier: Apache-2.0
// What is set inside namespaces of the child's own before there are any files: the owner of a user
// namespace, clocks, kernel parameters.

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "pid1/ops.h"
#include "pid1/proc.h"
#include "pid1/sys.h"
#include "pid1/text.h"

namespace berth::pid1 {
namespace {

/// One write: files of /proc take a value whole or not at all.
int write_whole(int fd, const char* value) {
  if (fd < 0) return errno;
  const size_t length = strlen(value);
  const ssize_t written = ::write(fd, value, length);
  const int err = written == static_cast<ssize_t>(length) ? 0 : (written < 0 ? errno : EINVAL);
  ::close(fd);
  return err;
}

}  // namespace

int time_offsets(Child& child, const plan::Op& op) {
  // A process only enters a new time namespace by setns: its offsets are fixed when the first one does.
  if (::unshare(CLONE_NEWTIME) != 0) return errno;
  const int err = write_whole(open_in_proc(child, "self/timens_offsets", O_WRONLY), child.plan.text(op.text));
  if (err != 0) return err;
  const int made = open_namespace(child, "self/ns/time_for_children");
  if (made < 0) return errno;
  const int entered = sys::error_of(::setns(made, CLONE_NEWTIME));
  ::close(made);
  return entered;
}

int become_root(Child&, const plan::Op& op) {
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return errno;
  // EPERM: whoever made the namespace may not set groups, and nor may anybody in it.
  if (sys::set_groups(0, nullptr) != 0 && errno != EPERM) return errno;
  if (sys::set_gids(static_cast<uint32_t>(op.value)) != 0) return errno;
  return sys::error_of(sys::set_uids(static_cast<uint32_t>(op.flags)));
}

int set_sysctl(Child& child, const plan::Op& op) {
  Text<320> path;
  path.add("sys/").add(child.plan.text(op.target));
  if (!path.fits()) return ENAMETOOLONG;
  return write_whole(open_in_proc(child, path.c_str(), O_WRONLY), child.plan.text(op.text));
}

}  // namespace berth::pid1
