// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <admin.pb.h>

#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// Checks images' layers, and repairs them when asked; for berthctl image verify. Blocks for as long as
/// reading all their files takes; ends early when the call is cancelled.
Result<void> verify_image(Services& with, const Call& call, const admin::v1::VerifyImageRequest& request,
                          admin::v1::VerifyImageResponse& response);

}  // namespace berth::daemon
