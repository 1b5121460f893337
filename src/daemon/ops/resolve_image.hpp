// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <admin.pb.h>

#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// Where a pull would go; for berthctl image resolve. Shows no secrets.
Result<void> resolve_image(Services& with, const Call& call, const admin::v1::ResolveImageRequest& request,
                           admin::v1::ResolveImageResponse& response);

}  // namespace berth::daemon
