// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// The ImageService. Lists and statuses read memory only.
Result<void> pull_image(Services& with, const Call& call, const cri::PullImageRequest& request,
                        cri::PullImageResponse& response);
Result<void> remove_image(Services& with, const Call& call, const cri::RemoveImageRequest& request,
                          cri::RemoveImageResponse& response);
Result<void> list_images(Services& with, const Call& call, const cri::ListImagesRequest& request,
                         cri::ListImagesResponse& response);
/// An unknown image is an empty answer, not an error.
Result<void> image_status(Services& with, const Call& call, const cri::ImageStatusRequest& request,
                          cri::ImageStatusResponse& response);
Result<void> image_fs_info(Services& with, const Call& call, const cri::ImageFsInfoRequest& request,
                           cri::ImageFsInfoResponse& response);

}  // namespace berth::daemon
