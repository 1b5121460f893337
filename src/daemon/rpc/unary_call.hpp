// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "base/lane.hpp"
#include "base/result.hpp"
#include "daemon/ops/services.hpp"
#include "daemon/rpc/outcome.hpp"

namespace berth::daemon::rpc {

/// Runs one blocking operation on a lane: the only bridge between gRPC and the rest. gRPC owns its
/// lifetime (OnDone). One log line per call, with its duration and outcome.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Handler = std::function<Result<void>(const Call&)>;
  /// `quiet` calls are logged at debug level only when they succeed (the kubelet makes them every second).
  static grpc::ServerUnaryReactor* start(grpc::CallbackServerContext* context, Lane& lane,
                                         std::string_view method, bool quiet, Handler handler);

 private:
  UnaryCall(std::string_view method, bool quiet, Handler handler)
      : outcome_{method, quiet}, handler_(std::move(handler)) {}
  void run();
  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { delete this; }

  Outcome outcome_;
  Handler handler_;
  std::stop_source stop_;
  std::chrono::steady_clock::time_point deadline_;
};

/// Binds an operation of ops/ to its request and response.
template <class Request, class Response>
grpc::ServerUnaryReactor* serve(Services& with, grpc::CallbackServerContext* context, Lane& lane,
                                std::string_view method, bool quiet, const Request* request,
                                Response* response,
                                Result<void> (*op)(Services&, const Call&, const Request&, Response&)) {
  return UnaryCall::start(context, lane, method, quiet, [&with, request, response, op](const Call& call) {
    return op(with, call, *request, *response);
  });
}

}  // namespace berth::daemon::rpc
