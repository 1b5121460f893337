// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/status.hpp"

#include <string>

#include "base/utf8.hpp"

namespace berth::daemon::rpc {
namespace {

constexpr std::size_t kMessageLimit = 8192;  // HTTP/2 trailers of peers are bounded, too

grpc::StatusCode code_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case Code::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case Code::kAlreadyExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case Code::kFailedPrecondition:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case Code::kPermissionDenied:
      return grpc::StatusCode::PERMISSION_DENIED;
    case Code::kResourceExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case Code::kDeadlineExceeded:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case Code::kCancelled:
      return grpc::StatusCode::CANCELLED;
    case Code::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case Code::kUnimplemented:
      return grpc::StatusCode::UNIMPLEMENTED;
    case Code::kUnknown:
      return grpc::StatusCode::UNKNOWN;
    case Code::kInternal:
      break;
  }
  return grpc::StatusCode::INTERNAL;
}

}  // namespace

grpc::Status to_grpc_status(const Error& error) {
  std::string message = valid_utf8(error.to_string());
  if (message.size() > kMessageLimit) message = valid_utf8(message.substr(0, kMessageLimit)) + " ...";
  return {code_of(error.code()), message};
}

}  // namespace berth::daemon::rpc
