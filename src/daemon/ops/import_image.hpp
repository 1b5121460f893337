// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <admin.pb.h>

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// Reads an archive or layout of this host into the image store, as `berthctl image import` asks. Blocks for
/// as long as unpacking takes; ends early when the call is cancelled.
Result<void> import_image(Services& with, const Call& call, const admin::v1::ImportImageRequest& request,
                          admin::v1::ImportImageResponse& response);

}  // namespace berth::daemon
