// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/unary_call.hpp"

namespace berth::daemon::rpc {

grpc::ServerUnaryReactor* UnaryCall::start(grpc::CallbackServerContext* context, Lane& lane,
                                           std::string_view method, bool quiet, Handler handler) {
  auto* call = new UnaryCall(method, quiet, std::move(handler));
  call->deadline_ = deadline_of(*context);
  if (!lane.try_post([call] { call->run(); })) call->Finish(call->outcome_.record(too_many_requests(method)));
  return call;
}

void UnaryCall::run() {
  Finish(outcome_.record(handler_(Call{outcome_.method, stop_.get_token(), deadline_})));
}

}  // namespace berth::daemon::rpc
