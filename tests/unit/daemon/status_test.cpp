// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/status.hpp"

#include <catch2/catch.hpp>

#include "base/utf8.hpp"

using namespace berth;
using namespace berth::daemon;

TEST_CASE("Each of our codes has a gRPC status of its own") {
  const std::pair<Code, grpc::StatusCode> rows[] = {
      {Code::kInvalidArgument, grpc::StatusCode::INVALID_ARGUMENT},
      {Code::kNotFound, grpc::StatusCode::NOT_FOUND},
      {Code::kAlreadyExists, grpc::StatusCode::ALREADY_EXISTS},
      {Code::kFailedPrecondition, grpc::StatusCode::FAILED_PRECONDITION},
      {Code::kPermissionDenied, grpc::StatusCode::PERMISSION_DENIED},
      {Code::kResourceExhausted, grpc::StatusCode::RESOURCE_EXHAUSTED},
      {Code::kDeadlineExceeded, grpc::StatusCode::DEADLINE_EXCEEDED},
      {Code::kCancelled, grpc::StatusCode::CANCELLED},
      {Code::kUnavailable, grpc::StatusCode::UNAVAILABLE},
      {Code::kUnimplemented, grpc::StatusCode::UNIMPLEMENTED},
      {Code::kUnknown, grpc::StatusCode::UNKNOWN},
      {Code::kInternal, grpc::StatusCode::INTERNAL}};
  for (const auto& [ours, theirs] : rows) {
    const grpc::Status status = rpc::to_grpc_status(Error(ours, "why"));
    CHECK(status.error_code() == theirs);
    CHECK(status.error_message() == "why");
  }
}

TEST_CASE("The whole story is told, outermost first") {
  Error error = Error::from_errno(ENOENT, "open", "/a");
  error.add_context("start container \"c\"");
  CHECK(rpc::to_grpc_status(error).error_message() ==
        "start container \"c\": open /a: No such file or directory");
}

TEST_CASE("A message is UTF-8 whatever a path or a plugin put into it, also where it was cut") {
  const auto status = rpc::to_grpc_status(Error(Code::kInternal, "open /\xff\xfe/\xc3: no"));
  CHECK(status.error_message() == "open /\?\?/?: no");
  for (std::size_t lead = 0; lead < 4; ++lead) {
    std::string longest(lead, 'x');
    while (longest.size() < 20'000) longest += "\xf0\x9f\x9a\xa2";
    const std::string text = rpc::to_grpc_status(Error(Code::kInternal, longest)).error_message();
    CHECK(text == valid_utf8(text));
    CHECK(text.size() < 8300);
    CHECK(text.ends_with(" ..."));
  }
}
