// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api.grpc.pb.h"
#include "base/lane.hpp"
#include "daemon/cri.hpp"
#include "daemon/ops/services.hpp"
#include "daemon/rpc/lanes.hpp"

namespace berth::daemon::rpc {

/// The CRI's ImageService: each RPC names its lane and its operation, or says that it is not
/// implemented. No logic here.
class ImageService final : public cri::ImageService::CallbackService {
 public:
  ImageService(Services& with, Lanes& lanes) : with_(with), lanes_(lanes) {}

  grpc::ServerUnaryReactor* ListImages(grpc::CallbackServerContext* context,
                                       const cri::ListImagesRequest* request,
                                       cri::ListImagesResponse* response) override;
  grpc::ServerWriteReactor<cri::StreamImagesResponse>* StreamImages(
      grpc::CallbackServerContext* context, const cri::StreamImagesRequest* request) override;
  grpc::ServerUnaryReactor* ImageStatus(grpc::CallbackServerContext* context,
                                        const cri::ImageStatusRequest* request,
                                        cri::ImageStatusResponse* response) override;
  grpc::ServerUnaryReactor* PullImage(grpc::CallbackServerContext* context,
                                      const cri::PullImageRequest* request,
                                      cri::PullImageResponse* response) override;
  grpc::ServerUnaryReactor* RemoveImage(grpc::CallbackServerContext* context,
                                        const cri::RemoveImageRequest* request,
                                        cri::RemoveImageResponse* response) override;
  grpc::ServerUnaryReactor* ImageFsInfo(grpc::CallbackServerContext* context,
                                        const cri::ImageFsInfoRequest* request,
                                        cri::ImageFsInfoResponse* response) override;

 private:
  Services& with_;
  Lanes& lanes_;
};

}  // namespace berth::daemon::rpc
