// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/outcome.hpp"

#include "base/cat.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "daemon/rpc/status.hpp"

namespace berth::daemon::rpc {

grpc::Status Outcome::record(const Result<void>& done) const {
  const auto took = std::chrono::steady_clock::now() - begin;
  const std::string us = std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  metrics::observe("rpc", method, took);
  if (done) {
    log::write(quiet ? log::Level::kDebug : log::Level::kInfo, "rpc",
               {{"method", std::string(method)}, {"us", us}});
    return grpc::Status::OK;
  }
  metrics::count("rpc_errors", method);
  log::warn("rpc failed", {{"method", std::string(method)}, {"us", us}, {"error", done.error().to_string()}});
  return to_grpc_status(done.error());
}

Error too_many_requests(std::string_view method) {
  return {Code::kResourceExhausted, cat(method, ": too many requests of this kind in flight, try again")};
}

std::chrono::steady_clock::time_point deadline_of(const grpc::CallbackServerContext& context) {
  const auto left = context.deadline() - std::chrono::system_clock::now();
  constexpr std::chrono::hours kForever{24 * 365};
  return std::chrono::steady_clock::now() + std::min<std::chrono::nanoseconds>(left, kForever);
}

}  // namespace berth::daemon::rpc
