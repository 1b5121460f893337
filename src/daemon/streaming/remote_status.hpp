// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"

namespace berth::daemon::streaming {

/// How a command ended, as the error channel tells it: a metav1.Status since v4, before that a
/// sentence, and nothing at all for success.
struct RemoteStatus {
  std::string json;
  std::string text;

  static RemoteStatus exited(int exit_code);
  static RemoteStatus failed(const Error& error);
};

}  // namespace berth::daemon::streaming
