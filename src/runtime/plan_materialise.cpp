// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/cat.hpp"
#include "base/digest.hpp"
#include "base/log.hpp"
#include "runtime/apparmor.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/mount_tree.hpp"
#include "runtime/plan.hpp"
#include "runtime/plan/parts.hpp"
#include "runtime/plan_layout.hpp"
#include "runtime/selinux.hpp"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace berth::runtime {
namespace {

constexpr std::uint64_t kProcRootInode = 1;  // PROC_ROOT_INO of the kernel

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
  return fd;
}

Result<void> check_procfs(int tree, const std::string& source) {
  struct statfs volume {};
  struct stat root {};
  if (::fstatfs(tree, &volume) != 0 || ::fstat(tree, &root) != 0)
    return Error::from_errno(errno, "inspect", source);
  if (volume.f_type == PROC_SUPER_MAGIC && root.st_ino == kProcRootInode) return {};
  return Error(Code::kInvalidArgument,
               cat(source, " is not the root of a procfs and cannot be the container's /proc"));
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

struct Tree {
  UniqueFd fd;
  bool is_directory = false;
};

Result<Tree> open_tree(const TreeFd& wanted) {
  Tree tree;
  ASSIGN_OR_RETURN(tree.fd, clone_tree(wanted.source, wanted.recursive));
  struct stat status {};
  if (::fstat(tree.fd.get(), &status) != 0) return Error::from_errno(errno, "inspect", wanted.source);
  tree.is_directory = S_ISDIR(status.st_mode);
  if (wanted.must_be_procfs) RETURN_IF_ERROR(check_procfs(tree.fd.get(), wanted.source));
  const int fd = tree.fd.get();
  RETURN_IF_ERROR(set_attributes(fd, wanted.recursive_set, wanted.recursive_clear, 0, true, wanted.source));
  RETURN_IF_ERROR(set_attributes(fd, wanted.set, wanted.clear, 0, false, wanted.source));
  RETURN_IF_ERROR(set_attributes(fd, 0, 0, wanted.propagation, wanted.propagation_recursive, wanted.source));
  return tree;
}

/// Collects descriptors in plan order; what several ops share is sent once.
class Opener {
 public:
  explicit Opener(PlanResources resources) : resources_(std::move(resources)) {}

  Result<std::uint32_t> open(const FdRequest& request, PlannedOp* op);
  std::size_t cgroup_count() const { return resources_.cgroup_tasks.size(); }
  Result<std::uint32_t> cgroup(std::size_t index) {
    return take(std::move(resources_.cgroup_tasks[index]), "a cgroup");
  }
  Result<std::uint32_t> cgroup_v2() {
    return resources_.cgroup_v2 ? take(std::move(resources_.cgroup_v2), "the cgroup") : plan::kNoFd;
  }
  std::vector<UniqueFd> release() { return std::move(fds_); }
  std::uint32_t count() const { return static_cast<std::uint32_t>(fds_.size()); }

 private:
  Result<std::uint32_t> take(UniqueFd fd, std::string_view what) {
    if (!fd)
      return Error(Code::kInternal, cat("the launch plan needs a descriptor of ", what, " and got none"));
    if (fds_.size() >= plan::kMaxFds) {
      return Error(Code::kInvalidArgument, cat("the launch plan needs more than ", plan::kMaxFds,
                                               " descriptors (cgroups, bind mounts and namespaces)"));
    }
    fds_.push_back(std::move(fd));
    return static_cast<std::uint32_t>(fds_.size() - 1);
  }

  Result<std::uint32_t> shared(std::optional<std::uint32_t>& slot, UniqueFd fd, std::string_view what) {
    ASSIGN_OR_RETURN(const std::uint32_t index, take(std::move(fd), what));
    slot = index;
    return index;
  }

  PlanResources resources_;
  std::vector<UniqueFd> fds_;
  std::optional<std::uint32_t> target_, null_, proc_;
};

Result<std::uint32_t> Opener::open(const FdRequest& request, PlannedOp* op) {
  if (std::holds_alternative<RootfsFd>(request))
    return take(std::move(resources_.rootfs), "the root file system");
  if (const auto* pod = std::get_if<PodFd>(&request)) return pod->name;
  if (const auto* number = std::get_if<NumberedFd>(&request)) return number->index;
  if (std::holds_alternative<TargetFd>(request)) {
    return target_ ? *target_ : shared(target_, std::move(resources_.target), "the container's process");
  }
  if (std::holds_alternative<HostNullFd>(request)) {
    if (null_) return *null_;
    ASSIGN_OR_RETURN(UniqueFd null, open_null());
    return shared(null_, std::move(null), "/dev/null");
  }
  if (std::holds_alternative<HostProcFd>(request)) {
    if (proc_) return *proc_;
    ASSIGN_OR_RETURN(UniqueFd proc, open_proc());
    return shared(proc_, std::move(proc), "/proc");
  }
  if (const auto* path = std::get_if<NamespaceFd>(&request)) {
    ASSIGN_OR_RETURN(UniqueFd fd, open_namespace(*path));
    return take(std::move(fd), path->path);
  }
  if (const auto* wanted = std::get_if<TreeFd>(&request)) {
    ASSIGN_OR_RETURN(Tree tree, open_tree(*wanted));
    if (op != nullptr) op->mode = tree.is_directory ? 0 : 1;
    return take(std::move(tree.fd), wanted->source);
  }
  return plan::kNoFd;
}

/// Cuts the sets to what this process has: the kernel refuses more, and a container with fewer
/// rights than asked for is better than none.
void clamp(PlannedOp& op) {
  const std::uint64_t available = own_bounding_set();
  std::uint64_t dropped = 0;
  if (op.kind == plan::OpKind::kBoundingSet) {
    dropped = op.value & ~available;
    op.value &= available;
  }
  if (auto* sets = std::get_if<std::vector<std::uint64_t>>(&op.extra);
      sets && op.kind == plan::OpKind::kCapabilities) {
    for (std::uint64_t& set : *sets) {
      dropped |= set & ~available;
      set &= available;
    }
  }
  for (const std::string& name : capability_names(dropped))
    log::debug("capability not available on this host", {{"capability", name}});
}

/// The child could only say ENOENT.
Result<void> check_label(const PlannedOp& op) {
  if (op.kind != plan::OpKind::kLabel) return {};
  return op.mode == plan::kApparmorLabel ? check_apparmor_profile(*op.text) : check_selinux_label(*op.text);
}

Result<void> resolve_op(PlannedOp op, Opener& opener, Plan& out, PlanFds& fds) {
  if (std::holds_alternative<EveryCgroup>(op.fd)) {
    for (std::size_t i = 0; i < opener.cgroup_count(); ++i) {
      ASSIGN_OR_RETURN(const std::uint32_t fd, opener.cgroup(i));
      fds.ops.push_back(fd);
      out.add(op);
    }
    return {};
  }
  RETURN_IF_ERROR(check_label(op));
  auto fd = opener.open(op.fd, &op);
  if (!fd) return std::move(fd).error().add_context(op.label);
  if (op.kind == plan::OpKind::kKeyring) op.text = "_ses." + random_id();
  clamp(op);
  fds.ops.push_back(*fd);
  out.add(std::move(op));
  return {};
}

Result<UniqueFd> make_sealed_memfd(const std::string& bytes) {
  UniqueFd memfd(::memfd_create("launch-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
  if (!memfd && errno == EINVAL)
    memfd.reset(::memfd_create("launch-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING));  // before Linux 6.3
  if (!memfd) return Error::from_errno(errno, "create a memory file for", "the launch plan");
  for (std::size_t written = 0; written < bytes.size();) {
    const ssize_t step = ::write(memfd.get(), bytes.data() + written, bytes.size() - written);
    if (step < 0 && errno == EINTR) continue;
    if (step <= 0) return Error::from_errno(step < 0 ? errno : EIO, "write", "the launch plan");
    written += static_cast<std::size_t>(step);
  }
  if (::fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return Error::from_errno(errno, "seal", "the launch plan");
  }
  return memfd;
}

}  // namespace

Result<LaunchPlan> materialise(Plan&& plan, PlanResources resources) {
  Opener opener(std::move(resources));
  PlanFds fds;
  Plan resolved;
  resolved.title = plan.title;
  resolved.clone_flags = plan.clone_flags;
  resolved.argv = std::move(plan.argv);
  resolved.envp = std::move(plan.envp);
  resolved.candidates = std::move(plan.candidates);
  for (PlannedOp& op : plan.ops) RETURN_IF_ERROR(resolve_op(std::move(op), opener, resolved, fds));
  ASSIGN_OR_RETURN(fds.join_pid, opener.open(plan.join_pid, nullptr));
  ASSIGN_OR_RETURN(fds.into_cgroup, opener.cgroup_v2());
  fds.count = opener.count();
  ASSIGN_OR_RETURN(const std::string bytes, lay_out(resolved, fds));
  LaunchPlan launch;
  ASSIGN_OR_RETURN(launch.memfd, make_sealed_memfd(bytes));
  launch.fds = opener.release();
  for (PlannedOp& op : resolved.ops) launch.labels.push_back(std::move(op.label));
  return launch;
}

}  // namespace berth::runtime
