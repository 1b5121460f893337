// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/container_namespaces.hpp"

#include <charconv>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime::cli {

std::set<oci::NamespaceType> container_namespaces(const std::vector<oci::Namespace>& listed) {
  std::set<oci::NamespaceType> types = {oci::NamespaceType::kMount};
  for (const oci::Namespace& entry : listed) types.insert(entry.type);
  return types;
}

JoinedNamespaces joined_namespaces(const std::vector<oci::Namespace>& listed) {
  JoinedNamespaces joined;
  for (const oci::NamespaceType type : container_namespaces(listed)) {
    if (type == oci::NamespaceType::kPid) {
      joined.pid = true;
    } else {
      joined.flags |= plan_parts::clone_flag(type);
    }
  }
  return joined;
}

Result<pid_t> inner_pid(pid_t pid) {
  constexpr std::size_t kMaxStatus = 64U << 10;
  constexpr std::string_view kKey = "\nNSpid:";
  ASSIGN_OR_RETURN(const std::string status, read_file(cat("/proc/", pid, "/status"), kMaxStatus));
  const std::size_t key = status.find(kKey);
  if (key == std::string::npos) return pid;
  const std::string line = status.substr(key + kKey.size(), status.find('\n', key + 1) - key - kKey.size());
  const std::string last = line.substr(line.find_last_of("\t ") + 1);
  pid_t inner = 0;
  std::from_chars(last.data(), last.data() + last.size(), inner);
  return inner > 0 ? inner : pid;
}

}  // namespace berth::runtime::cli
