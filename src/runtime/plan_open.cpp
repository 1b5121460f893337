// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan_open.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/mount_tree.hpp"
#include "runtime/namespaces_user.hpp"
#include "runtime/oci/id_mappings.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime {
namespace {

constexpr std::uint64_t kProcRootInode = 1;  // PROC_ROOT_INO of the kernel
constexpr int kAgentSeconds = 10;            // until it must have taken what it is sent

Result<void> check_procfs(int tree, const std::string& source) {
  struct statfs volume {};
  struct stat root {};
  if (::fstatfs(tree, &volume) != 0 || ::fstat(tree, &root) != 0)
    return Error::from_errno(errno, "inspect", source);
  if (volume.f_type == PROC_SUPER_MAGIC && root.st_ino == kProcRootInode) return {};
  return Error(Code::kInvalidArgument,
               cat(source, " is not the root of a procfs and cannot be the container's /proc"));
}

/// By inode: a path can be anything, also another name of our own.
Result<void> check_not_ours(int fd, const NamespaceFd& wanted) {
  const bool network = wanted.type == oci::NamespaceType::kNetwork;
  const bool ipc = wanted.type == oci::NamespaceType::kIpc;
  const std::string own = cat("/proc/self/ns/", network ? "net" : ipc ? "ipc" : "uts");
  struct stat theirs {};
  struct stat ours {};
  if (::fstat(fd, &theirs) != 0 || ::stat(own.c_str(), &ours) != 0)
    return Error::from_errno(errno, "compare the namespace", wanted.path);
  if (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev) return {};
  return Error(Code::kInvalidArgument, cat("linux.sysctl: ", wanted.path, " is the host's ",
                                           plan_parts::namespace_name(wanted.type), " namespace"));
}

Result<void> check_device(int tree, const TreeFd& wanted) {
  struct stat status {};
  if (::fstat(tree, &status) != 0) return Error::from_errno(errno, "inspect", wanted.source);
  if ((status.st_mode & S_IFMT) == wanted.must_be_device->type &&
      status.st_rdev == wanted.must_be_device->number)
    return {};
  return Error(Code::kInvalidArgument,
               cat("the host's ", wanted.source, " is not the device ", major(wanted.must_be_device->number),
                   ":", minor(wanted.must_be_device->number)));
}

}  // namespace

Result<int> NamespaceMaker::get(const TreeFd::IdMap& map) {
  const std::string uids = oci::id_map_text(map.uids);
  const std::string gids = oci::id_map_text(map.gids);
  const std::string key = map.user_namespace.empty() ? cat(uids, "/", gids) : map.user_namespace;
  const auto known = made_.find(key);
  if (known != made_.end()) return known->second.get();
  UniqueFd made;
  if (map.user_namespace.empty()) {
    ASSIGN_OR_RETURN(made, make_user_namespace(uids, gids));
  } else {
    ASSIGN_OR_RETURN(made, open_namespace({oci::NamespaceType::kUser, map.user_namespace}));
  }
  return made_.emplace(key, std::move(made)).first->second.get();
}

Result<UniqueFd> open_null() {
  UniqueFd fd(::open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "open", "/dev/null");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(errno, "inspect", "/dev/null");
  // What masks secrets must really be the null device, whoever prepared this host's /dev.
  if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3)) {
    return Error(Code::kInternal, "the host's /dev/null is not the null device");
  }
  return fd;
}

Result<UniqueFd> open_proc() {
  UniqueFd fd(::open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "open", "/proc");
  struct statfs volume {};
  struct stat root {};
  if (::fstatfs(fd.get(), &volume) != 0 || ::fstat(fd.get(), &root) != 0)
    return Error::from_errno(errno, "inspect", "/proc");
  if (volume.f_type == PROC_SUPER_MAGIC && root.st_ino == kProcRootInode) return fd;
  return Error(Code::kInternal, "the host's /proc is not the root of a procfs");
}

Result<UniqueFd> open_namespace(const NamespaceFd& wanted) {
  // Not blocking: the path may name a fifo.
  UniqueFd fd(::open(wanted.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd)
    return Error::from_errno(errno, cat("open ", plan_parts::namespace_name(wanted.type), " namespace"),
                             wanted.path)
        .recode(Code::kInvalidArgument);
  const int type = ::ioctl(fd.get(), NS_GET_NSTYPE);
  if (type < 0 || static_cast<std::uint64_t>(type) != plan_parts::clone_flag(wanted.type)) {
    return Error(Code::kInvalidArgument,
                 cat(wanted.path, " is not a ", plan_parts::namespace_name(wanted.type), " namespace"));
  }
  if (wanted.not_ours) RETURN_IF_ERROR(check_not_ours(fd.get(), wanted));
  return fd;
}

Result<Tree> open_tree(const TreeFd& wanted, NamespaceMaker& namespaces) {
  Tree tree;
  if (wanted.given) {
    tree.fd.reset(::fcntl(wanted.given->get(), F_DUPFD_CLOEXEC, 0));
    if (!tree.fd) return Error::from_errno(errno, "duplicate the mount", wanted.source);
  } else {
    ASSIGN_OR_RETURN(tree.fd, clone_tree(wanted.source, wanted.recursive, wanted.follow));
  }
  struct stat status {};
  if (::fstat(tree.fd.get(), &status) != 0) return Error::from_errno(errno, "inspect", wanted.source);
  tree.is_directory = S_ISDIR(status.st_mode);
  const int fd = tree.fd.get();
  if (wanted.must_be_procfs) RETURN_IF_ERROR(check_procfs(fd, wanted.source));
  if (wanted.must_be_device) RETURN_IF_ERROR(check_device(fd, wanted));
  if (wanted.id_map) {
    ASSIGN_OR_RETURN(const int user, namespaces.get(*wanted.id_map));
    RETURN_IF_ERROR(map_ids(fd, user, wanted.id_map->recursive, wanted.source));
  }
  RETURN_IF_ERROR(set_attributes(fd, wanted.recursive_set, wanted.recursive_clear, 0, true, wanted.source));
  RETURN_IF_ERROR(set_attributes(fd, wanted.set, wanted.clear, 0, false, wanted.source));
  RETURN_IF_ERROR(set_attributes(fd, 0, 0, wanted.propagation, wanted.propagation_recursive, wanted.source));
  return tree;
}

Result<UniqueFd> connect_agent(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno(errno, "socket", "for a seccomp agent");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error(Code::kInvalidArgument, cat("seccomp listenerPath ", path, " is too long"));
  path.copy(address.sun_path, path.size());
  const timeval patience{.tv_sec = kAgentSeconds, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return socket;
  return Error::from_errno(errno, "connect to the seccomp agent", path).recode(Code::kFailedPrecondition);
}

void set_root_propagation(int rootfs, std::uint64_t propagation) {
  (void)set_attributes(rootfs, 0, 0, propagation, true, "the root file system");
}

}  // namespace berth::runtime
