// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "base/error.hpp"
#include "image/registry/client.hpp"

namespace berth::image {

/// Whether a request may do better when it is sent again.
bool worth_retrying(const HttpOutcome& outcome);

/// A status that is no success, as a sentence: the server's own code and message when it gave one.
Error describe_status(const HttpResponse& response);

/// Counts attempts and waits between them, longer each time, or as long as the server asked for.
class Backoff {
 public:
  explicit Backoff(const RetryPolicy& policy) : policy_(policy) {}
  /// False: no attempts are left, the server asks for more patience than we have, or cancelled.
  bool wait(const HttpOutcome& outcome, std::stop_token cancel);
  void reset() { used_ = 1; }  ///< there was progress

 private:
  RetryPolicy policy_;
  int used_ = 1;
};

}  // namespace berth::image
