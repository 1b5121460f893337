// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// ExecSync: a further process in a running container, its output (at most 16 MiB of each stream;
/// more is discarded and the command goes on) and its exit code. On timeout, and when the caller
/// leaves, its whole tree is killed and nothing of it stays in the pod; then kDeadlineExceeded.
Result<void> exec_sync(Services& with, const Call& call, const cri::ExecSyncRequest& request,
                       cri::ExecSyncResponse& response);

}  // namespace berth::daemon
