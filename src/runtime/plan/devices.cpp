// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "base/cat.hpp"
#include "runtime/oci/spec_check.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime::plan_parts {
namespace {

using plan::OpKind;
using plan::Phase;

struct DefaultDevice {
  std::string_view path;
  std::uint32_t major;
  std::uint32_t minor;
};
// runtime-spec, "Default Devices"; ptmx is a link and console comes with the terminal.
constexpr DefaultDevice kDefaultDevices[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

struct DefaultLink {
  std::string_view path;
  std::string_view target;
};
constexpr DefaultLink kDefaultLinks[] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"}, {"/dev/ptmx", "pts/ptmx"},
};

std::uint32_t file_type(char type) {
  if (type == 'b') return S_IFBLK;
  if (type == 'p') return S_IFIFO;
  return S_IFCHR;
}

void add_node(const oci::Device& device, const std::string& path, Plan& plan) {
  const std::uint32_t permissions = device.file_mode.value_or(0666) & 07777U;
  const std::uint64_t number =
      device.type == 'p' ? 0
                         : makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
  plan.add({.kind = OpKind::kMakeNode,
            .phase = Phase::kFiles,
            .label = cat("create device ", path),
            .mode = file_type(device.type) | permissions,
            .target = path,
            .flags = number,
            .value = (std::uint64_t{device.uid} << 32) | device.gid});
}

/// A user namespace cannot make devices. One that the host has at the same place is shown instead,
/// with the host's owner and permissions; a named pipe is nobody's privilege.
void add_host_node(const oci::Device& device, const std::string& path, Plan& plan) {
  if (device.type == 'p') return add_node(device, path, plan);
  TreeFd tree;
  tree.source = path;
  tree.propagation = MS_PRIVATE;
  tree.must_be_device = {file_type(device.type),
                         makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor))};
  plan.add({.kind = OpKind::kAttachTree,
            .phase = Phase::kFiles,
            .label = cat("show the host's device ", path),
            .target = path,
            .fd = std::move(tree)});
}

void add_parent(const std::string& path, std::vector<std::string>& made, Plan& plan) {
  const std::string parent = path.substr(0, path.rfind('/'));
  if (parent.empty() || std::find(made.begin(), made.end(), parent) != made.end()) return;
  made.push_back(parent);
  plan.add({.kind = OpKind::kMakeDir,
            .phase = Phase::kFiles,
            .label = cat("create directory ", parent),
            .mode = 0755,
            .target = parent});
}

}  // namespace

Result<void> add_devices(const oci::Spec& spec, const CompileOptions& options, Plan& plan) {
  const auto add = options.lacks_host_rights || in_user_namespace(spec, options) ? add_host_node : add_node;
  const oci::Mount* dev = mount_at(spec, "/dev");
  // The host's own /dev (or a volume) is shown as it is; nodes made in it would be the host's.
  const bool foreign_dev = dev != nullptr && is_bind(*dev);
  std::vector<std::string> made;
  std::vector<std::string> named;
  if (dev != nullptr) made.push_back("/dev");
  for (const oci::Device& device : spec.linux_.devices) named.push_back(oci::clean_path(device.path));
  if (!foreign_dev) {
    for (const DefaultDevice& entry : kDefaultDevices) {
      const std::string path(entry.path);
      if (std::find(named.begin(), named.end(), path) != named.end()) continue;
      add_parent(path, made, plan);
      oci::Device device;
      device.major = entry.major;
      device.minor = entry.minor;
      add(device, path, plan);
    }
  }
  for (std::size_t i = 0; i < named.size(); ++i) {
    const bool in_dev = oci::is_below(named[i], "/dev");
    if (named[i] == "/dev/ptmx" || (foreign_dev && in_dev)) continue;
    add_parent(named[i], made, plan);
    add(spec.linux_.devices[i], named[i], plan);
  }
  if (foreign_dev) return {};
  for (const DefaultLink& link : kDefaultLinks) {
    plan.add({.kind = OpKind::kSymlink,
              .phase = Phase::kFiles,
              .label = cat("create link ", link.path),
              .text = std::string(link.target),
              .target = std::string(link.path)});
  }
  return {};
}

}  // namespace berth::runtime::plan_parts
