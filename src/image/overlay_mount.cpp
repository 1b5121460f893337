// SPDX-License-Identifier: Apache-2.0
#include "image/overlay_mount.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/overlay_mount_older.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxMountData = 4095;  // one page; more is cut off silently
constexpr std::pair<const char*, const char*> kSwitches[] = {
    {"index", "off"}, {"metacopy", "off"}, {"redirect_dir", "off"}};

/// Names every directory by an open descriptor, so that nothing is resolved twice and nothing in a
/// path needs escaping.
struct Directories {
  std::vector<UniqueFd> lowers;
  UniqueFd upper, work;
};

std::string path_of(const UniqueFd& fd) {
  return cat("/proc/self/fd/", fd.get());
}

Result<Directories> open_directories(const OverlayRequest& request) {
  Directories opened;
  for (const std::string& lower : request.lowers) {
    ASSIGN_OR_RETURN(opened.lowers.emplace_back(), open_lower(lower, request.id_map));
  }
  if (request.upper.empty()) return opened;
  ASSIGN_OR_RETURN(opened.upper, open_at(kCwd, request.upper, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  ASSIGN_OR_RETURN(opened.work, open_at(kCwd, request.work, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  return opened;
}

/// What the kernel has to say beyond the errno.
std::string kernel_messages(int context) {
  std::string all;
  std::array<char, 1024> line{};
  for (ssize_t got = 0; (got = ::read(context, line.data(), line.size())) > 0;) {
    all.append(all.empty() ? " (" : "; ").append(line.data(), static_cast<std::size_t>(got));
    while (all.ends_with('\n')) all.pop_back();
  }
  return all.empty() ? all : all + ")";
}

Error failed(int context, std::string_view what) {
  const int err = errno;
  return Error::from_errno(err, "mount", cat("overlay, ", what, kernel_messages(context)));
}

Result<void> set_string(int context, const char* key, const char* value) {
  if (::fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) == 0) return {};
  return failed(context, key);
}

Result<void> set_directory(int context, OverlayApi api, const char* key, const UniqueFd& directory) {
  if (api == OverlayApi::kStrings) return set_string(context, key, path_of(directory).c_str());
  if (::fsconfig(context, FSCONFIG_SET_FD, key, nullptr, directory.get()) == 0) return {};
  return failed(context, key);
}

/// nullopt-like: the error of the first lower is told apart, for it may only mean an older kernel.
struct Attempt {
  Result<UniqueFd> mounted;
  bool is_api_unknown = false;
};

Attempt mount_by_context(const Directories& directories, OverlayApi api) {
  const UniqueFd context(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context) return {Error::from_errno(errno, "open", "the overlay file system"), errno == ENOSYS};
  const auto configure = [&]() -> Result<void> {
    for (std::size_t i = 1; i < directories.lowers.size(); ++i) {
      RETURN_IF_ERROR(set_directory(context.get(), api, "lowerdir+", directories.lowers[i]));
    }
    if (directories.upper) {
      RETURN_IF_ERROR(set_directory(context.get(), api, "upperdir", directories.upper));
      RETURN_IF_ERROR(set_directory(context.get(), api, "workdir", directories.work));
      if (::fsconfig(context.get(), FSCONFIG_SET_FLAG, "volatile", nullptr, 0) != 0)
        return failed(context.get(), "volatile");
    }
    for (const auto& [key, value] : kSwitches) RETURN_IF_ERROR(set_string(context.get(), key, value));
    if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
      return failed(context.get(), "create");
    return {};
  };
  auto first = set_directory(context.get(), api, "lowerdir+", directories.lowers.front());
  if (!first) return {std::move(first).error(), true};
  auto configured = configure();
  if (!configured) return {std::move(configured).error()};
  const unsigned attributes = directories.upper ? 0 : MOUNT_ATTR_RDONLY;
  UniqueFd mounted(::fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
  if (!mounted) return {failed(context.get(), "fsmount")};
  return {std::move(mounted)};
}

Result<UniqueFd> mount_by_string(const Directories& directories, const std::string& scratch) {
  std::string data = "lowerdir=";
  for (const UniqueFd& lower : directories.lowers) data.append(path_of(lower)).append(":");
  data.pop_back();
  if (directories.upper) {
    data.append(
        cat(",upperdir=", path_of(directories.upper), ",workdir=", path_of(directories.work), ",volatile"));
  }
  for (const auto& [key, value] : kSwitches)
    data.append(cat(",", std::string_view(key), "=", std::string_view(value)));
  if (data.size() > kMaxMountData) {
    return Error(Code::kUnimplemented,
                 cat("this kernel cannot mount an overlay of ", directories.lowers.size(), " layers"));
  }
  const unsigned long flags = directories.upper ? 0 : MS_RDONLY;
  if (::mount("overlay", scratch.c_str(), "overlay", flags, data.c_str()) != 0)
    return Error::from_errno(errno, "mount overlay on", scratch);
  UniqueFd copy(::open_tree(AT_FDCWD, scratch.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  const int err = errno;
  if (::umount2(scratch.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
    return Error::from_errno(errno, "unmount", scratch);
  if (!copy) return Error::from_errno(err, "detach", scratch);
  return copy;
}

Result<UniqueFd> mount_opened(const Directories& directories, const std::string& scratch, OverlayApi first) {
  for (const OverlayApi api : {OverlayApi::kDescriptors, OverlayApi::kStrings}) {
    if (api < first) continue;
    Attempt attempt = mount_by_context(directories, api);
    if (attempt.mounted || !attempt.is_api_unknown) return std::move(attempt.mounted);
  }
  return mount_by_string(directories, scratch);
}

/// With the mapped lowers attached, where only this sees them.
Result<UniqueFd> mount_attached(const OverlayRequest& request, OverlayApi first) {
  UniqueFd mounted;
  RETURN_IF_ERROR(in_own_mounts(request.scratch, [&]() -> Result<void> {
    OverlayRequest attached{
        .lowers = {}, .upper = request.upper, .work = request.work, .scratch = request.scratch};
    std::vector<UniqueFd> open;
    for (const std::string& lower : request.lowers) {
      const std::string& place =
          attached.lowers.emplace_back(cat(request.scratch, "/", attached.lowers.size()));
      ASSIGN_OR_RETURN(const UniqueFd tree, open_lower(lower, request.id_map));
      ASSIGN_OR_RETURN(open.emplace_back(), attach_on(tree, place));
    }
    ASSIGN_OR_RETURN(const Directories directories, open_directories(attached));
    ASSIGN_OR_RETURN(mounted, mount_opened(directories, request.scratch, first));
    return {};
  }));
  return mounted;
}

}  // namespace

Result<UniqueFd> open_lower(const std::string& directory, int id_map) {
  if (id_map < 0) return open_at(kCwd, directory, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  UniqueFd tree(
      ::open_tree(AT_FDCWD, directory.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW));
  if (!tree) return Error::from_errno(errno, "detach", directory);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<__u64>(id_map);
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0) return tree;
  Error error = Error::from_errno(errno, "map the ids of", directory);
  error.add_context("the file system of the images cannot be id-mapped").recode(Code::kFailedPrecondition);
  return error;
}

Result<UniqueFd> mount_overlay(const OverlayRequest& request, OverlayApi first) {
  if (request.lowers.empty() || request.lowers.size() > kMaxOverlayLowers) {
    return Error(Code::kInvalidArgument, cat("an overlay of ", request.lowers.size(), " layers"));
  }
  ASSIGN_OR_RETURN(const Directories directories, open_directories(request));
  if (request.id_map < 0) return mount_opened(directories, request.scratch, first);
  if (first == OverlayApi::kDescriptors) {
    Attempt attempt = mount_by_context(directories, first);
    if (attempt.mounted || attempt.mounted.error().sys_errno() != EINVAL) return std::move(attempt.mounted);
  }
  auto mounted = mount_attached(request, first);
  if (mounted || mounted.error().sys_errno() != EINVAL) return mounted;
  Error error = std::move(mounted).error();
  error.add_context("this kernel cannot map the ids of an overlay's layers (Linux 5.19 can)");
  return std::move(error.recode(Code::kFailedPrecondition));
}

Result<UniqueFd> detach_directory(const UniqueFd& mount, const std::string& path,
                                  const std::string& scratch) {
  const auto detach = [&path](const UniqueFd& root) -> Result<UniqueFd> {
    ASSIGN_OR_RETURN(const UniqueFd directory, open_in_root(root.get(), path, O_PATH | O_DIRECTORY));
    UniqueFd tree(::open_tree(directory.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
    if (!tree) return Error::from_errno(errno, "detach", path);
    return tree;
  };
  auto detached = detach(mount);
  if (detached || detached.error().sys_errno() != EINVAL) return detached;
  RETURN_IF_ERROR(in_own_mounts(scratch, [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const UniqueFd attached, attach_on(mount, scratch + "/image"));
    detached = detach(attached);
    return {};
  }));
  return detached;
}

}  // namespace berth::image
