// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"

/// This process's own namespaces, for one that may be less than root of the machine. For processes with one
/// thread.
namespace berth::runtime {

/// Whether its user namespace is not the machine's: then not even its root may make devices, raise limits,
/// or make cgroups that nobody has given to it.
bool is_in_user_namespace();
/// Whether setgroups(2) is denied to all who are in its user namespace.
bool is_setgroups_denied();

/// Makes sure that it may mount: a mount namespace that is not its user namespace's is left for a new one,
/// in which later mounts of the old one arrive.
Result<void> own_mounts();

/// Takes it into a new user namespace, with a new mount namespace, and all rights there. Whoever is not
/// root can map his own ids only; setgroups is denied.
Result<void> enter_new_user_namespace(const std::string& uid_map, const std::string& gid_map);
/// Takes it into that of the process `pidfd`; whoever made that has all rights there.
Result<void> join_user_namespace(int pidfd);

}  // namespace berth::runtime
