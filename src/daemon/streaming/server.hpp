// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon::streaming {

/// The streaming server: clients come here with the URLs that Exec, Attach and PortForward answer.
/// The reactor accepts, and watches connections on which nothing was said yet; each one that speaks
/// is served on a thread of a lane of its own. A listener that fails is opened again, and until
/// then the runtime is not ready.
class Server {
 public:
  /// Nothing is started while streaming.address is empty.
  static Result<std::unique_ptr<Server>> start(Services& with);
  ~Server();  ///< ends all sessions
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct State;
  explicit Server(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace berth::daemon::streaming
