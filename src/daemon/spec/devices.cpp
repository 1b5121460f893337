// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/devices.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cgroup/devices.hpp"

namespace berth::daemon {
namespace {

constexpr int kMaxDepth = 8;

oci::DeviceRule rule(char type, std::int64_t major, std::optional<std::int64_t> minor, std::string access) {
  return {true, type, major, minor, std::move(access)};
}

/// Names under /dev that are file systems or belong to the container itself.
bool is_private(const std::string& path) {
  static const std::set<std::string> own = {
      "/dev/pts",  "/dev/shm", "/dev/mqueue",    "/dev/fd",   "/dev/console",
      "/dev/ptmx", "/dev/log", "/dev/hugepages", "/dev/.lxc", "/dev/.lxd-mounts"};
  return own.contains(path);
}

/// Adds the device at `host`, or every device below it. Sockets, files and dangling links under a
/// directory are not devices and are passed over.
Result<void> collect(const std::string& host, const std::string& inside, bool top, int depth,
                     std::vector<oci::Device>& nodes) {
  struct stat info {};
  if (::stat(host.c_str(), &info) != 0) {
    if (!top) return {};
    if (errno == ENOENT || errno == ENOTDIR)
      return Error(Code::kInvalidArgument, cat("devices.host_path \"", host, "\" does not exist"));
    return Error::from_errno(errno, "stat", host);
  }
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) {
    oci::Device device;
    device.path = inside;
    device.type = S_ISCHR(info.st_mode) ? 'c' : 'b';
    device.major = major(info.st_rdev);
    device.minor = minor(info.st_rdev);
    device.file_mode = info.st_mode & 07777;
    device.uid = info.st_uid;
    device.gid = info.st_gid;
    nodes.push_back(std::move(device));
    return {};
  }
  if (!S_ISDIR(info.st_mode)) {
    if (!top) return {};
    return Error(Code::kInvalidArgument,
                 cat("devices.host_path \"", host, "\" is neither a device nor a directory"));
  }
  if (depth == 0) return {};
  ASSIGN_OR_RETURN(const auto names, list_dir(host));
  for (const auto& name : names) {
    const std::string child = cat(host, "/", name);
    struct stat link {};
    if (is_private(child) || ::lstat(child.c_str(), &link) != 0 || S_ISLNK(link.st_mode)) continue;
    RETURN_IF_ERROR(collect(child, cat(inside, "/", name), false, depth - 1, nodes));
  }
  return {};
}

/// One path is one node: a later wish replaces an earlier one, and what the host's /dev gave.
void put(std::vector<oci::Device>& nodes, std::vector<oci::Device> more) {
  std::set<std::string_view> taken;
  for (const auto& node : more) taken.insert(node.path);
  std::erase_if(nodes, [&](const oci::Device& node) { return taken.contains(node.path); });
  nodes.insert(nodes.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Result<ContainerDevices> container_devices(const cri::ContainerConfig& config) {
  ContainerDevices result;
  if (config.linux().security_context().privileged()) {
    result.rules.push_back({true, 'a', std::nullopt, std::nullopt, "rwm"});
    RETURN_IF_ERROR(collect("/dev", "/dev", true, kMaxDepth, result.nodes));
  } else {
    result.rules = runtime::cgroup::default_device_rules();
    result.rules.insert(result.rules.begin(), {false, 'a', std::nullopt, std::nullopt, "rwm"});
  }
  for (const auto& wish : config.devices()) {
    const std::string inside = wish.container_path().empty() ? wish.host_path() : wish.container_path();
    std::vector<oci::Device> found;
    RETURN_IF_ERROR(collect(wish.host_path(), inside, true, kMaxDepth, found));
    const std::string access = wish.permissions().empty() ? "rwm" : wish.permissions();
    for (const auto& node : found) result.rules.push_back(rule(node.type, node.major, node.minor, access));
    put(result.nodes, std::move(found));
  }
  return result;
}

}  // namespace berth::daemon
