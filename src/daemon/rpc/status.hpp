// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/support/status.h>

#include "base/error.hpp"

namespace berth::daemon::rpc {

/// The one place where an Error becomes a gRPC status. Text that is not UTF-8 (paths, plugin
/// output) is made so, or the message would not marshal.
grpc::Status to_grpc_status(const Error& error);

}  // namespace berth::daemon::rpc
