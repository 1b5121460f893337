// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon::rpc {

/// The gRPC server on its unix socket (0660 from the moment it is there). Serves from construction
/// until stop(), which lets calls in flight end for a short while and removes the socket.
class Server {
 public:
  static Result<std::unique_ptr<Server>> start(Services& with);
  ~Server();
  void stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace berth::daemon::rpc
