// SPDX-License-Identifier: Apache-2.0
#include "runtime/intel_rdt.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth::runtime {
namespace {

std::string group_name(const oci::IntelRdt& wanted, const std::string& container) {
  return wanted.clos_id.empty() ? container : wanted.clos_id;
}

bool has_schemata(const oci::IntelRdt& wanted) {
  return !wanted.schemata.empty() || !wanted.l3_cache_schema.empty() || !wanted.mem_bw_schema.empty();
}

Result<void> write_schema(int group, const std::string& line) {
  if (line.empty()) return {};
  ASSIGN_OR_RETURN(const UniqueFd file, open_beneath(group, "schemata", O_WRONLY));
  return write_fd(file.get(), line + "\n", cat("schemata of linux.intelRdt: ", line));
}

Result<void> write_schemata(int group, const oci::IntelRdt& wanted) {
  RETURN_IF_ERROR(write_schema(group, wanted.l3_cache_schema));
  RETURN_IF_ERROR(write_schema(group, wanted.mem_bw_schema));
  for (const std::string& line : wanted.schemata) RETURN_IF_ERROR(write_schema(group, line));
  return {};
}

/// Whether it was made just now.
Result<bool> make_group(int root, const oci::IntelRdt& wanted, const std::string& name) {
  constexpr mode_t kMode = 0755;
  const bool must_exist = !wanted.clos_id.empty() && !has_schemata(wanted);
  if (::faccessat(root, name.c_str(), F_OK, 0) == 0) return false;
  if (must_exist) {
    return Error(Code::kInvalidArgument,
                 cat("linux.intelRdt.closID: ", name, " does not exist, and no schemata are given for it"));
  }
  if (::mkdirat(root, name.c_str(), kMode) == 0) return true;
  return Error::from_errno(errno, "create resctrl group", name);
}

Result<UniqueFd> open_group(int root, const oci::IntelRdt& wanted, const std::string& name,
                            const std::string& container) {
  ASSIGN_OR_RETURN(const UniqueFd group, open_beneath(root, name, O_PATH | O_DIRECTORY));
  RETURN_IF_ERROR(write_schemata(group.get(), wanted));
  if (!wanted.enable_monitoring) return open_beneath(group.get(), "tasks", O_WRONLY);
  const std::string monitor = cat("mon_groups/", container);
  constexpr mode_t kMode = 0755;
  if (::mkdirat(group.get(), monitor.c_str(), kMode) != 0 && errno != EEXIST)
    return Error::from_errno(errno, "create monitoring group", monitor);
  return open_beneath(group.get(), monitor + "/tasks", O_WRONLY);
}

}  // namespace

Result<ResctrlGroup> open_resctrl_group(const oci::IntelRdt& wanted, const std::string& container,
                                        const std::string& path) {
  auto root = open_at(kCwd, path, O_PATH | O_DIRECTORY);
  const bool mounted = root && ::faccessat(root->get(), "schemata", F_OK, 0) == 0;
  if (!mounted)
    return Error(Code::kFailedPrecondition, cat("linux.intelRdt: no resctrl is mounted on ", path));
  const std::string name = group_name(wanted, container);
  if (name.empty())
    return Error(Code::kInvalidArgument, "linux.intelRdt: neither a closID nor a container id");
  ResctrlGroup group;
  if (name == "/") {
    ASSIGN_OR_RETURN(group.tasks, open_group(root->get(), wanted, ".", container));
    return group;
  }
  ASSIGN_OR_RETURN(group.created, make_group(root->get(), wanted, name));
  auto tasks = open_group(root->get(), wanted, name, container);
  if (!tasks) {
    if (group.created) ::unlinkat(root->get(), name.c_str(), AT_REMOVEDIR);
    return std::move(tasks).error();
  }
  group.tasks = *std::move(tasks);
  return group;
}

Result<void> remove_resctrl_group(const oci::IntelRdt& wanted, const std::string& container, bool created,
                                  const std::string& path) {
  if (!created && !wanted.enable_monitoring) return {};
  const std::string group = group_name(wanted, container);
  const std::string name = created ? group : cat(group == "/" ? "." : group, "/mon_groups/", container);
  auto root = open_at(kCwd, path, O_PATH | O_DIRECTORY);
  if (!root) return {};
  if (::unlinkat(root->get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  return Error::from_errno(errno, "remove resctrl group", name);
}

}  // namespace berth::runtime
