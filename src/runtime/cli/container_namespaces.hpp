// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <vector>

#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime::cli {

/// Types in which a container differs from the runtime: what config.json lists, and always mount.
std::set<oci::NamespaceType> container_namespaces(const std::vector<oci::Namespace>& listed);

/// The same as clone flags for one setns; the PID namespace is entered by being born in it.
struct JoinedNamespaces {
  std::uint64_t flags = 0;
  bool pid = false;
};
JoinedNamespaces joined_namespaces(const std::vector<oci::Namespace>& listed);

/// A process's number in its own PID namespace.
Result<pid_t> inner_pid(pid_t pid);

}  // namespace berth::runtime::cli
