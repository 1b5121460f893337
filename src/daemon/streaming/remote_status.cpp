// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/remote_status.hpp"

#include "base/cat.hpp"
#include "base/json.hpp"

namespace berth::daemon::streaming {
namespace {

Json failure(const char* reason, const std::string& message) {
  return {{"metadata", Json::object()}, {"status", "Failure"}, {"reason", reason}, {"message", message}};
}

}  // namespace

RemoteStatus RemoteStatus::exited(int exit_code) {
  if (exit_code == 0) return {to_text(Json{{"metadata", Json::object()}, {"status", "Success"}}), ""};
  const std::string text = cat("command terminated with non-zero exit code: exit status ", exit_code);
  Json status = failure("NonZeroExitCode", text);
  const Json cause = {{"reason", "ExitCode"}, {"message", std::to_string(exit_code)}};
  status["details"] = {{"causes", Json::array({cause})}};
  return {to_text(status), text};
}

RemoteStatus RemoteStatus::failed(const Error& error) {
  constexpr int kInternalServerError = 500;
  const std::string text = error.to_string();
  Json status = failure("InternalError", text);
  status["code"] = kInternalServerError;
  return {to_text(status), text};
}

}  // namespace berth::daemon::streaming
