// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/mounts.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/mountinfo.hpp"
#include "daemon/spec/user_namespace.hpp"

namespace berth::daemon {
namespace {

oci::Mount make(std::string destination, std::string type, std::string source,
                std::vector<std::string> options) {
  return {std::move(destination), std::move(type), std::move(source), std::move(options)};
}

/// One mount per hierarchy: a container in a cgroup namespace of its own sees its own group as root.
void add_cgroups(const MountInputs& in, bool privileged, std::vector<oci::Mount>& mounts) {
  std::vector<std::string> options = {"nosuid", "noexec", "nodev"};
  if (!privileged) options.emplace_back("ro");
  if (privileged) {
    mounts.push_back(
        make("/sys/fs/cgroup", "bind", "/sys/fs/cgroup", {"rbind", "rprivate", "nosuid", "noexec", "nodev"}));
    return;
  }
  if (in.cgroups.is_unified()) {
    mounts.push_back(make("/sys/fs/cgroup", "cgroup2", "cgroup", options));
    return;
  }
  mounts.push_back(
      make("/sys/fs/cgroup", "tmpfs", "tmpfs", {"nosuid", "noexec", "nodev", "ro", "mode=755", "size=64k"}));
  for (const auto& hierarchy : in.cgroups.hierarchies()) {
    const std::string name = hierarchy.mount_point.substr(hierarchy.mount_point.rfind('/') + 1);
    auto own = options;
    if (!hierarchy.v2) {
      const bool named = !hierarchy.controllers.empty() && hierarchy.controllers[0].starts_with("name=");
      if (named) own.emplace_back("none");
      own.insert(own.end(), hierarchy.controllers.begin(), hierarchy.controllers.end());
    }
    mounts.push_back(make(cat("/sys/fs/cgroup/", name), hierarchy.v2 ? "cgroup2" : "cgroup", "cgroup", own));
  }
}

std::vector<oci::Mount> default_mounts(const MountInputs& in) {
  const bool privileged = in.config.linux().security_context().privileged();
  std::vector<oci::Mount> mounts;
  mounts.push_back(make("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  mounts.push_back(make("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  mounts.push_back(make("/dev/pts", "devpts", "devpts",
                        {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  mounts.push_back(make("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  std::vector<std::string> sys = {"nosuid", "noexec", "nodev"};
  if (!privileged) sys.emplace_back("ro");
  mounts.push_back(make("/sys", "sysfs", "sysfs", sys));
  add_cgroups(in, privileged, mounts);
  const std::string shm = in.pod.host_ipc ? "/dev/shm" : in.layout.shm(in.pod.id);
  mounts.push_back(make("/dev/shm", "bind", shm, {"rbind", "rprivate", "nosuid", "noexec", "nodev"}));
  std::vector<std::string> file_options = {"bind", "rprivate"};
  if (in.config.linux().security_context().readonly_rootfs()) file_options.emplace_back("ro");
  for (const char* name : {"resolv.conf", "hostname", "hosts"}) {
    mounts.push_back(
        make(cat("/etc/", name), "bind", cat(in.layout.etc(in.pod.id), "/", name), file_options));
  }
  return mounts;
}

/// "/a//b/./c/" as "/a/b/c": destinations are compared with each other. There is no ".." in it, and
/// it is not the root (validate_container).
std::string normal(std::string_view path) {
  std::string result;
  while (!path.empty()) {
    const auto part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (!part.empty() && part != ".") result.append("/").append(part);
  }
  return result;
}

bool is_below(const std::string& path, const std::string& parent) {
  return path == parent || (path.starts_with(parent) && path[parent.size()] == '/');
}

/// The mount that a host path lies on, by its ID: never by comparing path prefixes.
Result<MountEntry> mount_of(const std::string& path) {
  struct statx info {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &info) != 0)
    return Error::from_errno(errno, "stat", path);
  ASSIGN_OR_RETURN(const auto entries, read_mountinfo());
  for (const auto& entry : entries) {
    if (entry.id == info.stx_mnt_id) return entry;
  }
  return Error(Code::kInternal, cat("no mount holds ", path));
}

Result<std::string> propagation_option(const cri::Mount& mount) {
  if (mount.propagation() == cri::PROPAGATION_PRIVATE) return std::string("rprivate");
  ASSIGN_OR_RETURN(const MountEntry on, mount_of(mount.host_path()));
  bool shared = false;
  bool slave = false;
  for (const auto& field : on.optional_fields) {
    shared = shared || field.starts_with("shared:");
    slave = slave || field.starts_with("master:");
  }
  if (mount.propagation() == cri::PROPAGATION_BIDIRECTIONAL) {
    if (shared) return std::string("rshared");
    return Error(Code::kInvalidArgument,
                 cat("mounts.host_path \"", mount.host_path(), "\" asks for bidirectional propagation, but ",
                     on.mount_point, " is not a shared mount"));
  }
  if (shared || slave) return std::string("rslave");
  return Error(Code::kInvalidArgument, cat("mounts.host_path \"", mount.host_path(),
                                           "\" asks for host-to-container propagation, but ", on.mount_point,
                                           " is neither a shared nor a slave mount"));
}

Result<void> add_mount_options(const cri::Mount& mount, oci::Mount& result) {
  for (const auto& option : mount.mount_options()) {
    if (option != "noexec" && option != "nodev" && option != "nosuid") {
      return Error(Code::kInvalidArgument,
                   cat("mounts.mount_options \"", option, "\" is not one of noexec, nodev, nosuid"));
    }
    result.options.push_back(option);
  }
  return {};
}

Result<oci::Mount> from_image(const cri::Mount& mount, const ImageTrees& images) {
  oci::Mount result =
      make(normal(mount.container_path()), "bind", mount.image().image(), {"rbind", "rprivate", "ro"});
  result.tree = images.at(mount.container_path());
  RETURN_IF_ERROR(add_mount_options(mount, result));
  return result;
}

Result<oci::Mount> from_cri(const cri::Mount& mount, bool privileged) {
  struct stat info {};
  if (::stat(mount.host_path().c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return Error(Code::kInvalidArgument,
                   cat("mounts.host_path \"", mount.host_path(), "\" does not exist"));
    }
    return Error::from_errno(errno, "stat", mount.host_path());
  }
  if (mount.propagation() == cri::PROPAGATION_BIDIRECTIONAL && !privileged) {
    return Error(Code::kInvalidArgument,
                 cat("mounts.host_path \"", mount.host_path(),
                     "\" asks for bidirectional propagation, which only a privileged container may"));
  }
  ASSIGN_OR_RETURN(std::string propagation, propagation_option(mount));
  oci::Mount result =
      make(normal(mount.container_path()), "bind", mount.host_path(), {"rbind", std::move(propagation)});
  if (mount.readonly()) result.options.emplace_back(mount.recursive_read_only() ? "rro" : "ro");
  result.uid_mappings = to_oci_mappings(mount.uidmappings());
  result.gid_mappings = to_oci_mappings(mount.gidmappings());
  RETURN_IF_ERROR(add_mount_options(mount, result));
  return result;
}

}  // namespace

Result<std::vector<oci::Mount>> container_mounts(const MountInputs& in) {
  std::vector<oci::Mount> mounts = default_mounts(in);
  const bool privileged = in.config.linux().security_context().privileged();
  std::vector<oci::Mount> wished;
  for (const auto& mount : in.config.mounts()) {
    ASSIGN_OR_RETURN(oci::Mount made,
                     mount.has_image() ? from_image(mount, in.images) : from_cri(mount, privileged));
    const std::string destination = made.destination;
    std::erase_if(mounts, [&](const oci::Mount& other) { return is_below(other.destination, destination); });
    std::erase_if(wished, [&](const oci::Mount& other) { return other.destination == destination; });
    wished.push_back(std::move(made));
  }
  // A parent before its children, whatever order the request had.
  std::stable_sort(wished.begin(), wished.end(), [](const oci::Mount& a, const oci::Mount& b) {
    return std::count(a.destination.begin(), a.destination.end(), '/') <
           std::count(b.destination.begin(), b.destination.end(), '/');
  });
  mounts.insert(mounts.end(), std::make_move_iterator(wished.begin()), std::make_move_iterator(wished.end()));
  return mounts;
}

}  // namespace berth::daemon
