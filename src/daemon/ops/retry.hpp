// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// Clean-up that must happen some day: tried now on the background lane, then again for ever with
/// back-off (1 s doubling to 5 min) until it succeeds.
void retry_until_done(Services& with, std::string what, std::function<Result<void>()> work);

}  // namespace berth::daemon
