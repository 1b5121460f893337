// SPDX-License-Identifier: Apache-2.0
#include "runtime/namespaces_user.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>

#include "base/cat.hpp"
#include "base/dir.hpp"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

namespace berth::runtime {
namespace {

constexpr std::size_t kStackSize = 64 * 1024;

/// In the process that holds the namespace: until the other end of the pipe is closed. It has our
/// memory, so it touches nothing.
int hold(void* end) {
  // Nor may it outlive us: it has both ends of the pipe.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  char word = 0;
  const int fd = *static_cast<const int*>(end);
  while (::read(fd, &word, 1) < 0 && errno == EINTR) {
  }
  return 0;
}

/// A process in a new user namespace, gone with the object.
class Holder {
 public:
  Holder() = default;
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
    }
  }

  Result<void> start(int flags) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "pipe", "for a user namespace");
    read_end_.reset(ends[0]);
    write_end_.reset(ends[1]);
    wait_on_ = ends[0];
    stack_ = std::make_unique<char[]>(kStackSize);
    sigset_t all, before;
    sigfillset(&all);
    // A handler of ours must not run in it, on our memory.
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_ = ::clone(hold, stack_.get() + kStackSize, CLONE_VM | CLONE_NEWUSER | flags, &wait_on_);
    const int err = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid_ < 0) return Error::from_errno(err, "create", "a user namespace");
    return {};
  }
  Result<void> write(std::string_view file, const std::string& text) const {
    const std::string path = cat("/proc/", pid_, "/", file);
    ASSIGN_OR_RETURN(const UniqueFd fd, open_at(kCwd, path, O_WRONLY));
    return write_fd(fd.get(), text, path);
  }
  Result<UniqueFd> open(std::string_view kind) const {
    return open_at(kCwd, cat("/proc/", pid_, "/ns/", kind), O_RDONLY);
  }

 private:
  UniqueFd read_end_, write_end_;
  int wait_on_ = -1;
  std::unique_ptr<char[]> stack_;
  pid_t pid_ = -1;
};

}  // namespace

Result<UniqueFd> make_user_namespace(const std::string& uid_map, const std::string& gid_map) {
  ASSIGN_OR_RETURN(auto made, make_user_namespace_with(uid_map, gid_map, 0, {}));
  return std::move(made.front());
}

Result<std::vector<UniqueFd>> make_user_namespace_with(const std::string& uid_map, const std::string& gid_map,
                                                       int flags, const std::vector<std::string>& kinds) {
  Holder holder;
  RETURN_IF_ERROR(holder.start(flags));
  RETURN_IF_ERROR(holder.write("gid_map", gid_map));
  RETURN_IF_ERROR(holder.write("uid_map", uid_map));
  std::vector<UniqueFd> made;
  ASSIGN_OR_RETURN(made.emplace_back(), holder.open("user"));
  for (const std::string& kind : kinds) {
    ASSIGN_OR_RETURN(made.emplace_back(), holder.open(kind));
  }
  return made;
}

Result<void> map_ids(int tree, int user_namespace, bool recursive, std::string_view subject) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<__u64>(user_namespace);
  const unsigned flags = AT_EMPTY_PATH | (recursive ? unsigned{AT_RECURSIVE} : 0U);
  if (::syscall(SYS_mount_setattr, tree, "", flags, &attributes, sizeof attributes) == 0) return {};
  const int err = errno;
  Error error = Error::from_errno(err, "map the ids of the mount", subject);
  if (err == EINVAL || err == EPERM || err == EOPNOTSUPP)
    error.add_context("the file system cannot be id-mapped").recode(Code::kFailedPrecondition);
  return error;
}

}  // namespace berth::runtime
