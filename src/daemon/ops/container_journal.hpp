// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/state/container.hpp"
#include "daemon/state/pod_sandbox.hpp"

namespace berth::daemon {

/// A socket for entries of systemd's journal, which listens at `path`. Never blocks.
Result<UniqueFd> connect_journal(const std::string& path);

/// The fields that every entry of a container has, as lines "NAME=value"; at most shim::Launch has room for.
/// Of a value that has more than one line the first counts.
std::string journal_fields(const PodRecord& pod, const ContainerRecord& container);

}  // namespace berth::daemon
