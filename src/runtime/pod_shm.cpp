// SPDX-License-Identifier: Apache-2.0
#include "runtime/pod_shm.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth::runtime {

namespace {

constexpr std::int64_t kFilesSize = 4 << 20;  // the host's own hosts and resolv.conf may be copied there

Result<void> mount_tmpfs(const char* name, const std::string& path, const char* mode, std::int64_t size,
                         FilesOwner owner) {
  RETURN_IF_ERROR(make_dirs(path, 0700));
  const std::string options = cat("mode=", mode, ",size=", size, ",uid=", owner.uid, ",gid=", owner.gid);
  if (::mount(name, path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options.c_str()) != 0) {
    return Error::from_errno(errno, "mount tmpfs on", path);
  }
  return {};
}

}  // namespace

Result<void> mount_pod_shm(const std::string& path, std::int64_t size, FilesOwner owner) {
  return mount_tmpfs("shm", path, "1777", size, owner);
}

Result<void> mount_pod_files(const std::string& path, FilesOwner owner) {
  return mount_tmpfs("berth-files", path, "755", kFilesSize, owner);
}

Result<void> unmount_pod_tmpfs(const std::string& path) {
  // EINVAL: nothing is mounted there; ENOENT: not even the directory.
  if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
    return Error::from_errno(errno, "unmount", path);
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT)
    return Error::from_errno(errno, "remove directory", path);
  return {};
}

}  // namespace berth::runtime
