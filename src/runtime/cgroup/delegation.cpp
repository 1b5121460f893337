// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/delegation.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cgroup/control_file.hpp"
#include "runtime/cgroup/group_path.hpp"
#include "runtime/oci/spec_check.hpp"

namespace berth::runtime::cgroup {
namespace {

/// Kernels before 4.15 have no such list; these three were always right.
std::vector<std::string> delegatable_files(const std::string& list_path) {
  constexpr std::size_t kLimit = 64U << 10U;
  const auto text = read_file(list_path, kLimit);
  std::vector<std::string> files = text ? split_words(*text) : std::vector<std::string>();
  if (files.empty()) files = {"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"};
  return files;
}

bool is_writable(const oci::Mount& mount) {
  bool writable = true;
  for (const std::string& option : mount.options) {
    if (option == "ro" || option == "rro") writable = false;
    if (option == "rw" || option == "rrw") writable = true;
  }
  return writable;
}

}  // namespace

bool is_delegated(const oci::Spec& spec) {
  const auto& namespaces = spec.linux_.namespaces;
  const bool own = std::any_of(namespaces.begin(), namespaces.end(), [](const oci::Namespace& entry) {
    return entry.type == oci::NamespaceType::kCgroup && entry.path.empty();
  });
  return own && std::any_of(spec.mounts.begin(), spec.mounts.end(), [](const oci::Mount& mount) {
           const bool cgroup = mount.type == "cgroup" || mount.type == "cgroup2";
           return cgroup && oci::clean_path(mount.destination) == "/sys/fs/cgroup" && is_writable(mount);
         });
}

Result<void> delegate_group(const Layout& layout, const std::string& group, std::uint32_t uid,
                            const std::string& list_path) {
  const MountedHierarchy* unified = layout.unified();
  if (unified == nullptr) return {};
  ASSIGN_OR_RETURN(const UniqueFd dir,
                   open_at(unified->root.get(), below_root(group), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  constexpr gid_t kSameGroup = static_cast<gid_t>(-1);
  if (::fchown(dir.get(), uid, kSameGroup) != 0) return Error::from_errno(errno, "give away cgroup", group);
  for (const std::string& file : delegatable_files(list_path)) {
    if (file.find('/') != std::string::npos) continue;
    if (::fchownat(dir.get(), file.c_str(), uid, kSameGroup, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT)
      continue;
    return Error::from_errno(errno, "give away", cat(file, " of cgroup ", group));
  }
  return {};
}

}  // namespace berth::runtime::cgroup
