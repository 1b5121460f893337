// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/unary_call.hpp"

#include "base/cat.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "daemon/rpc/status.hpp"

namespace berth::daemon::rpc {
namespace {

/// gRPC tells deadlines in wall-clock time, and "none" as the far future.
std::chrono::steady_clock::time_point steady_deadline(std::chrono::system_clock::time_point deadline) {
  const auto left = deadline - std::chrono::system_clock::now();
  constexpr std::chrono::hours kForever{24 * 365};
  return std::chrono::steady_clock::now() + std::min<std::chrono::nanoseconds>(left, kForever);
}

}  // namespace

grpc::ServerUnaryReactor* UnaryCall::start(grpc::CallbackServerContext* context, Lane& lane,
                                           std::string_view method, bool quiet, Handler handler) {
  auto* call = new UnaryCall(method, quiet, std::move(handler));
  call->deadline_ = steady_deadline(context->deadline());
  if (!lane.try_post([call] { call->run(); })) {
    call->finish(Error(Code::kResourceExhausted,
                       cat(method, ": too many requests of this kind in flight, try again")));
  }
  return call;
}

void UnaryCall::run() {
  finish(handler_(Call{method_, stop_.get_token(), deadline_}));
}

void UnaryCall::finish(const Result<void>& done) {
  const auto took = std::chrono::steady_clock::now() - begin_;
  const std::string us = std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  metrics::observe("rpc", method_, took);
  if (done) {
    log::write(quiet_ ? log::Level::kDebug : log::Level::kInfo, "rpc",
               {{"method", std::string(method_)}, {"us", us}});
    Finish(grpc::Status::OK);
    return;
  }
  metrics::count("rpc_errors", method_);
  log::warn("rpc failed",
            {{"method", std::string(method_)}, {"us", us}, {"error", done.error().to_string()}});
  Finish(to_grpc_status(done.error()));
}

}  // namespace berth::daemon::rpc
