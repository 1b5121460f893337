// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/device_names.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "base/cat.hpp"
#include "base/mountinfo.hpp"

namespace berth::daemon {
namespace {

bool is_within(const std::string& path, const std::string& dir) {
  return dir == "/" || path == dir || path.starts_with(dir + "/");
}

}  // namespace

std::string block_device_name(const std::string& number) {
  std::array<char, PATH_MAX> target{};
  const std::string link = cat("/sys/dev/block/", number);
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  if (length <= 0) return number;
  const std::string_view path(target.data(), static_cast<std::size_t>(length));
  return cat("/dev/", path.substr(path.rfind('/') + 1));
}

std::string device_of_path(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return path;
  const std::string number = cat(major(info.st_dev), ":", minor(info.st_dev));
  if (const std::string name = block_device_name(number); name != number) return name;
  // No block device behind it, or one with several file systems: the closest mount names its source.
  const auto mounts = read_mountinfo();
  const MountEntry* closest = nullptr;
  for (const auto& mount : mounts ? *mounts : std::vector<MountEntry>()) {
    const bool closer = closest == nullptr || mount.mount_point.size() >= closest->mount_point.size();
    if (closer && is_within(path, mount.mount_point)) closest = &mount;
  }
  return closest == nullptr ? number : closest->source;
}

}  // namespace berth::daemon
