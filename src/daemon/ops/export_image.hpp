// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <admin.pb.h>

#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// Writes images into an archive of this host, as `berthctl image export` asks. Blocks for as long as that
/// takes; ends early, without a file, when the call is cancelled.
Result<void> export_image(Services& with, const Call& call, const admin::v1::ExportImageRequest& request,
                          admin::v1::ExportImageResponse& response);

}  // namespace berth::daemon
