// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <admin.grpc.pb.h>

#include "daemon/ops/services.hpp"
#include "daemon/rpc/lanes.hpp"

namespace berth::daemon::rpc {

/// berth.admin.v1.Admin: what berthctl needs and the CRI has no call for. No logic here.
class AdminService final : public admin::v1::Admin::CallbackService {
 public:
  AdminService(Services& with, Lanes& lanes) : with_(with), lanes_(lanes) {}

  grpc::ServerUnaryReactor* ImportImage(grpc::CallbackServerContext* context,
                                        const admin::v1::ImportImageRequest* request,
                                        admin::v1::ImportImageResponse* response) override;
  grpc::ServerUnaryReactor* ResolveImage(grpc::CallbackServerContext* context,
                                         const admin::v1::ResolveImageRequest* request,
                                         admin::v1::ResolveImageResponse* response) override;

  grpc::ServerUnaryReactor* VerifyImage(grpc::CallbackServerContext* context,
                                        const admin::v1::VerifyImageRequest* request,
                                        admin::v1::VerifyImageResponse* response) override;
  grpc::ServerUnaryReactor* ExportImage(grpc::CallbackServerContext* context,
                                        const admin::v1::ExportImageRequest* request,
                                        admin::v1::ExportImageResponse* response) override;

 private:
  Services& with_;
  Lanes& lanes_;
};

}  // namespace berth::daemon::rpc
