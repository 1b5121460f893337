// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/result.hpp"
#include "daemon/config.hpp"
#include "daemon/ops/services.hpp"
#include "daemon/rpc/server.hpp"
#include "daemon/streaming/server.hpp"

namespace berth::daemon {

/// The whole daemon: wires the modules together, recovers, serves. Nothing else decides the order.
class App {
 public:
  static Result<std::unique_ptr<App>> start(Config config);
  ~App();
  /// Blocks until SIGTERM or SIGINT, which the caller must have blocked in every thread.
  void run_until_signal();

 private:
  App() = default;
  Result<void> lock_root();
  Result<void> prepare_directories();
  Result<void> open_modules();
  void prepare_apparmor();
  void feed_watchdog();

  UniqueFd lock_;
  Services services_;
  std::unique_ptr<streaming::Server> streams_;
  std::unique_ptr<rpc::Server> server_;
  Lane preloads_{{.name = "preload", .min_threads = 0}};  // last: its tasks use the rest
};

}  // namespace berth::daemon
