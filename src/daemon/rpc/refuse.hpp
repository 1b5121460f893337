// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <string>
#include <string_view>

#include "base/cat.hpp"

namespace berth::daemon::rpc {

/// What an RPC that this version does not do answers: UNIMPLEMENTED, with a sentence. Clients fall
/// back on it (Stream* to List*), people read it.
inline grpc::Status unimplemented(std::string_view method, std::string_view instead) {
  return {grpc::StatusCode::UNIMPLEMENTED,
          cat(method, " is not implemented by this version of berth", instead.empty() ? "" : "; ", instead)};
}

inline grpc::ServerUnaryReactor* refuse(grpc::CallbackServerContext* context, std::string_view method,
                                        std::string_view instead = "") {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(unimplemented(method, instead));
  return reactor;
}

}  // namespace berth::daemon::rpc
