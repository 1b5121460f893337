// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/process_id.hpp"
#include "base/reactor.hpp"

namespace berth::runtime {

/// Reaps a child of ours when it ends, without a thread, however long after the caller has
/// forgotten it. A process that is not our child (the daemon was restarted), or is gone, is fine.
void reap_when_it_ends(Reactor& reactor, const ProcessId& process);

}  // namespace berth::runtime
