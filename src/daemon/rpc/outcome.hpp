// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <string_view>

#include "base/result.hpp"

namespace berth::daemon::rpc {

/// What every call leaves behind: a line in the log, its duration and its errors in the metrics.
struct Outcome {
  std::string_view method;
  bool quiet;  ///< logged at debug level only when it succeeds (the kubelet makes it every second)
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();

  grpc::Status record(const Result<void>& done) const;
};

Error too_many_requests(std::string_view method);

/// gRPC tells deadlines in wall-clock time, and "none" as the far future.
std::chrono::steady_clock::time_point deadline_of(const grpc::CallbackServerContext& context);

}  // namespace berth::daemon::rpc
