// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/image_service.hpp"

#include "daemon/ops/images.hpp"
#include "daemon/rpc/list_stream.hpp"
#include "daemon/rpc/unary_call.hpp"

namespace berth::daemon::rpc {

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

Reactor* ImageService::ListImages(Context* context, const cri::ListImagesRequest* request,
                                  cri::ListImagesResponse* response) {
  return serve(with_, context, lanes_.quick, "ListImages", true, request, response, list_images);
}
grpc::ServerWriteReactor<cri::StreamImagesResponse>* ImageService::StreamImages(
    Context* context, const cri::StreamImagesRequest* request) {
  return serve_in_pieces<cri::StreamImagesResponse>(with_, context, lanes_.quick, "StreamImages", request,
                                                    list_images);
}
Reactor* ImageService::ImageStatus(Context* context, const cri::ImageStatusRequest* request,
                                   cri::ImageStatusResponse* response) {
  return serve(with_, context, lanes_.quick, "ImageStatus", true, request, response, image_status);
}
Reactor* ImageService::PullImage(Context* context, const cri::PullImageRequest* request,
                                 cri::PullImageResponse* response) {
  return serve(with_, context, lanes_.pull, "PullImage", false, request, response, pull_image);
}
Reactor* ImageService::RemoveImage(Context* context, const cri::RemoveImageRequest* request,
                                   cri::RemoveImageResponse* response) {
  return serve(with_, context, lanes_.work, "RemoveImage", false, request, response, remove_image);
}
Reactor* ImageService::ImageFsInfo(Context* context, const cri::ImageFsInfoRequest* request,
                                   cri::ImageFsInfoResponse* response) {
  return serve(with_, context, lanes_.quick, "ImageFsInfo", true, request, response, image_fs_info);
}

}  // namespace berth::daemon::rpc
