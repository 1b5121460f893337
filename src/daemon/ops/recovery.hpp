// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// The normal way to start: loads what is on disk, connects to the shims, takes their word for what
/// runs and how it ended, and removes whatever belongs to nothing. One bad record is quarantined and
/// logged, never fatal. What cannot be removed is retried in the background.
Result<void> recover(Services& with);

}  // namespace berth::daemon
