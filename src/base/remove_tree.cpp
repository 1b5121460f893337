// SPDX-License-Identifier: Apache-2.0
#include "base/remove_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth {
namespace {

// Directories above the innermost ones are closed and found again through "..", so that neither the
// stack nor the descriptor limit bounds the depth of a hostile tree.
constexpr std::size_t kMaxOpen = 64;
// A directory that refills while it is emptied has a living writer, and that is the caller's bug.
constexpr int kMaxRefills = 64;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using DirStream = std::unique_ptr<DIR, CloseDir>;

struct Level {
  DirStream stream;  // null while closed
  dev_t device = 0;
  ino_t inode = 0;
  std::string name;  // in the level above
};

class TreeRemover {
 public:
  TreeRemover(UniqueFd parent, std::string parent_path)
      : base_(std::move(parent)), base_path_(std::move(parent_path)) {}

  Result<void> run(const std::string& name) {
    RETURN_IF_ERROR(remove_entry(name, DT_UNKNOWN));
    while (!levels_.empty()) RETURN_IF_ERROR(step());
    return {};
  }

 private:
  int current_fd() const { return levels_.empty() ? base_.get() : ::dirfd(levels_.back().stream.get()); }

  std::string path_of(const std::string& name) const {
    std::string path = base_path_;
    for (const Level& level : levels_) path.append(level.name).append("/");
    return path + name;
  }

  Error refuse_mount(const std::string& name) const {
    return {Code::kFailedPrecondition, cat("something is mounted on ", path_of(name))};
  }

  Result<void> step() {
    errno = 0;
    const dirent* entry = ::readdir(levels_.back().stream.get());
    if (entry == nullptr && errno != 0) return Error::from_errno(errno, "list", path_of(""));
    if (entry == nullptr) return ascend();
    const std::string name = entry->d_name;
    if (name == "." || name == "..") return {};
    return remove_entry(name, entry->d_type);
  }

  // Unlinks, or enters a directory, which is removed on the way back.
  Result<void> remove_entry(const std::string& name, unsigned char type) {
    // Linux answers EISDIR for a directory, even to root.
    if (type != DT_DIR) {
      if (::unlinkat(current_fd(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
      if (errno == EBUSY) return refuse_mount(name);
      if (errno != EISDIR) return Error::from_errno(errno, "remove", path_of(name));
    }
    return descend(name);
  }

  Result<void> descend(const std::string& name) {
    UniqueFd fd = open_child(name, O_RDONLY);
    if (!fd && errno == EACCES) fd = open_unlocked(name);
    if (!fd && errno == EXDEV) return refuse_mount(name);
    if (!fd && errno == ENOENT) return {};
    if (!fd) return Error::from_errno(errno, "open", path_of(name));
    Level level;
    level.name = name;
    RETURN_IF_ERROR(attach(level, std::move(fd), true));
    levels_.push_back(std::move(level));
    if (levels_.size() > kMaxOpen) levels_[levels_.size() - 1 - kMaxOpen].stream.reset();
    return {};
  }

  UniqueFd open_child(const std::string& name, unsigned flags) const {
    open_how how{};
    how.flags = flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
    return UniqueFd(static_cast<int>(::syscall(SYS_openat2, current_fd(), name.c_str(), &how, sizeof(how))));
  }

  // For an owner without CAP_DAC_OVERRIDE. O_PATH needs no permission, and the link in proc leads
  // to exactly what it opened.
  UniqueFd open_unlocked(const std::string& name) const {
    const UniqueFd handle = open_child(name, O_PATH);
    if (handle) (void)::chmod(cat("/proc/self/fd/", handle.get()).c_str(), S_IRWXU);
    return open_child(name, O_RDONLY);
  }

  Result<void> ascend() {
    Level done = std::move(levels_.back());
    levels_.pop_back();
    if (!levels_.empty() && !levels_.back().stream) {
      ASSIGN_OR_RETURN(UniqueFd above,
                       open_at(::dirfd(done.stream.get()), "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      RETURN_IF_ERROR(attach(levels_.back(), std::move(above), false));
    }
    if (::unlinkat(current_fd(), done.name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    if (errno == EBUSY) return refuse_mount(done.name);
    const bool refilled = errno == ENOTEMPTY || errno == EEXIST;
    if (!refilled || ++refills_ > kMaxRefills) return Error::from_errno(errno, "remove", path_of(done.name));
    return descend(done.name);
  }

  // Opens the level's stream; a level found again must be the directory it was, as somebody may
  // have moved its child elsewhere meanwhile.
  Result<void> attach(Level& level, UniqueFd fd, bool is_new) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return Error::from_errno(errno, "stat", path_of(level.name));
    if (!is_new && (status.st_dev != level.device || status.st_ino != level.inode)) {
      return Error(Code::kFailedPrecondition, cat("a directory was moved out of ", path_of("")));
    }
    level.device = status.st_dev;
    level.inode = status.st_ino;
    level.stream.reset(::fdopendir(fd.get()));
    if (!level.stream) return Error::from_errno(errno, "list", path_of(level.name));
    (void)fd.release();  // closedir() closes it from here on
    return {};
  }

  UniqueFd base_;
  std::string base_path_;
  std::vector<Level> levels_;
  int refills_ = 0;
};

}  // namespace

Result<void> remove_tree(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  const std::size_t slash = trimmed.rfind('/');
  const std::size_t name_at = slash == std::string::npos ? 0 : slash + 1;
  const std::string name = trimmed.substr(name_at);
  const std::string parent_path = trimmed.substr(0, name_at);
  if (name.empty() || name == "." || name == ".." || path.find('\0') != std::string::npos) {
    return Error(Code::kInvalidArgument, cat("refusing to remove the tree \"", path.c_str(), "\""));
  }
  Result<UniqueFd> parent = open_at(kCwd, parent_path.empty() ? "." : parent_path, O_RDONLY | O_DIRECTORY);
  if (!parent && parent.error().sys_errno() == ENOENT) return {};
  if (!parent) return std::move(parent).error();
  return TreeRemover(*std::move(parent), parent_path).run(name).context("remove tree " + path);
}

}  // namespace berth
