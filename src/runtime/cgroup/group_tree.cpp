// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/group_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>

#include "base/cat.hpp"
#include "base/unique_fd.hpp"
#include "runtime/cgroup/control_file.hpp"
#include "runtime/cgroup/group_path.hpp"

namespace berth::runtime::cgroup {
namespace {

// Deeper than any tree that an orchestrator makes; bounds the recursion below.
constexpr int kMaxDepth = 64;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

int make_dir(const MountedHierarchy& hierarchy, const std::string& group, std::vector<std::string>& made) {
  constexpr mode_t kMode = 0755;
  if (::mkdirat(hierarchy.root.get(), below_root(group).c_str(), kMode) == 0) {
    made.push_back(group);
    return 0;
  }
  return errno == EEXIST ? 0 : errno;
}

int make_from_the_top(const MountedHierarchy& hierarchy, const std::string& group,
                      std::vector<std::string>& made) {
  for (std::size_t slash = group.find('/', 1);; slash = group.find('/', slash + 1)) {
    if (const int err = make_dir(hierarchy, group.substr(0, slash), made); err != 0) return err;
    if (slash == std::string::npos) return 0;
  }
}

Result<void> inherit_file(const MountedHierarchy& hierarchy, const std::string& group, std::string_view file,
                          std::string* value) {
  ASSIGN_OR_RETURN(*value, read_control(hierarchy.root.get(), group, file));
  if (!value->empty() || group == "/") return {};
  RETURN_IF_ERROR(inherit_file(hierarchy, parent_of(group), file, value));
  return write_control(hierarchy.root.get(), group, file, *value);
}

int remove_below(const MountedHierarchy& hierarchy, const std::string& group, int depth) {
  const std::string path = below_root(group);
  if (::unlinkat(hierarchy.root.get(), path.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
  const int err = errno;
  if ((err != EBUSY && err != ENOTEMPTY) || depth >= kMaxDepth) return err;
  int first_error = 0;
  for (const std::string& name : sub_groups(hierarchy, group)) {
    const int child = remove_below(hierarchy, cat(group, '/', name), depth + 1);
    if (first_error == 0) first_error = child;
  }
  if (first_error != 0) return first_error;
  return ::unlinkat(hierarchy.root.get(), path.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

void append_pids(std::string_view text, std::vector<int>& pids) {
  for (const std::string& word : split_words(text)) {
    int pid = 0;
    // 0 stands for a process of another PID namespace.
    if (std::from_chars(word.data(), word.data() + word.size(), pid).ec == std::errc() && pid > 0)
      pids.push_back(pid);
  }
}

void list_below(const MountedHierarchy& hierarchy, const std::string& group, std::vector<int>& pids,
                int depth) {
  if (const auto text = read_control(hierarchy.root.get(), group, "cgroup.procs")) append_pids(*text, pids);
  if (depth >= kMaxDepth) return;
  for (const std::string& name : sub_groups(hierarchy, group))
    list_below(hierarchy, cat(group, '/', name), pids, depth + 1);
}

}  // namespace

Result<void> make_group(const MountedHierarchy& hierarchy, const std::string& group,
                        std::vector<std::string>& made) {
  // The parents are nearly always there. They may vanish between two steps when another group's
  // creation is rolled back, so a missing one is tried again.
  constexpr int kAttempts = 8;
  int err = make_dir(hierarchy, group, made);
  for (int attempt = 0; err == ENOENT && attempt < kAttempts; ++attempt)
    err = make_from_the_top(hierarchy, group, made);
  if (err != 0) return Error::from_errno(err, "create cgroup", cat(group, " in ", hierarchy.mount_point));
  return {};
}

Result<void> inherit_cpuset(const MountedHierarchy& hierarchy, const std::string& group) {
  for (const std::string_view file : {"cpuset.cpus", "cpuset.mems"}) {
    std::string value;
    RETURN_IF_ERROR(inherit_file(hierarchy, group, hierarchy.noprefix ? file.substr(7) : file, &value));
  }
  return {};
}

bool group_exists(const MountedHierarchy& hierarchy, const std::string& group) {
  struct stat found {};
  return ::fstatat(hierarchy.root.get(), below_root(group).c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(found.st_mode);
}

std::vector<std::string> sub_groups(const MountedHierarchy& hierarchy, const std::string& group) {
  std::vector<std::string> names;
  UniqueFd fd(::openat(hierarchy.root.get(), below_root(group).c_str(),
                       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return names;
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd.get()));
  if (!dir) return names;
  (void)fd.release();  // closedir() closes it from here on
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

void list_processes(const MountedHierarchy& hierarchy, const std::string& group, std::vector<int>& pids) {
  list_below(hierarchy, group, pids, 0);
}

int try_remove(const MountedHierarchy& hierarchy, const std::string& group) {
  return remove_below(hierarchy, group, 0);
}

}  // namespace berth::runtime::cgroup
