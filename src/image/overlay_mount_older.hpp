// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

/// What Linux takes only from attached mounts before 6.15: layers of an overlay, and directories to be
/// detached.
namespace berth::image {

/// Runs `work` on a thread with a mount namespace of its own, in which an empty tmpfs is on the directory
/// `place`. What is attached there is seen by nobody else, and gone afterwards; what was detached from there
/// stays. Blocks.
Result<void> in_own_mounts(const std::string& place, const std::function<Result<void>()>& work);

/// For such work: attaches a detached mount on a new directory, and opens it.
Result<UniqueFd> attach_on(const UniqueFd& tree, const std::string& directory);

}  // namespace berth::image
