// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {

/// A user namespace with these maps (oci::id_map_text) and nobody in it: what id-mapped mounts take
/// their maps from. Blocks for the life of one short process that shares this one's memory; starts no
/// program. Needs the right to map those ids.
Result<UniqueFd> make_user_namespace(const std::string& uid_map, const std::string& gid_map);

/// The same, and with it namespaces that belong to it: `flags` are their CLONE_NEW*, `kinds` their names
/// below /proc/PID/ns. Descriptors of those, in that order, after that of the user namespace.
Result<std::vector<UniqueFd>> make_user_namespace_with(const std::string& uid_map, const std::string& gid_map,
                                                       int flags, const std::vector<std::string>& kinds);

/// Shows a detached mount (clone_tree) by the maps of a user namespace; all mounts of it when
/// `recursive`. Also for a root file system and for the layers of an overlay: the kernel refuses an
/// overlay itself, so its layers are mapped before they are put together. kFailedPrecondition when
/// the file system cannot be id-mapped: then its files have to be given to the mapped ids instead.
Result<void> map_ids(int tree, int user_namespace, bool recursive, std::string_view subject);

}  // namespace berth::runtime
