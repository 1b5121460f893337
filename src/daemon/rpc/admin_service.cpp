// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/admin_service.hpp"

#include "daemon/ops/export_image.hpp"
#include "daemon/ops/import_image.hpp"
#include "daemon/ops/resolve_image.hpp"
#include "daemon/ops/verify_image.hpp"
#include "daemon/rpc/unary_call.hpp"

namespace berth::daemon::rpc {

grpc::ServerUnaryReactor* AdminService::ImportImage(grpc::CallbackServerContext* context,
                                                    const admin::v1::ImportImageRequest* request,
                                                    admin::v1::ImportImageResponse* response) {
  return serve(with_, context, lanes_.pull, "ImportImage", false, request, response, import_image);
}

grpc::ServerUnaryReactor* AdminService::ResolveImage(grpc::CallbackServerContext* context,
                                                     const admin::v1::ResolveImageRequest* request,
                                                     admin::v1::ResolveImageResponse* response) {
  return serve(with_, context, lanes_.work, "ResolveImage", false, request, response, resolve_image);
}

grpc::ServerUnaryReactor* AdminService::VerifyImage(grpc::CallbackServerContext* context,
                                                    const admin::v1::VerifyImageRequest* request,
                                                    admin::v1::VerifyImageResponse* response) {
  return serve(with_, context, lanes_.work, "VerifyImage", false, request, response, verify_image);
}

grpc::ServerUnaryReactor* AdminService::ExportImage(grpc::CallbackServerContext* context,
                                                    const admin::v1::ExportImageRequest* request,
                                                    admin::v1::ExportImageResponse* response) {
  return serve(with_, context, lanes_.work, "ExportImage", false, request, response, export_image);
}

}  // namespace berth::daemon::rpc
