// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "base/guarded.hpp"
#include "base/result.hpp"
#include "daemon/cri.hpp"

namespace berth::daemon {

/// What Exec, Attach and PortForward have checked, and the client then does over a connection of its own.
using StreamRequest = std::variant<cri::ExecRequest, cri::AttachRequest, cri::PortForwardRequest>;

/// Requests waiting for their client, and whether somebody listens for it. A request is taken with
/// the token in its URL: 256 random bits, once, within a minute.
class StreamRequests {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMaxWaiting = 1000;
  static constexpr std::chrono::seconds kLifetime{60};

  /// From now on URLs begin with `base` ("http://127.0.0.1:10010").
  void serve_at(std::string base);
  /// Nobody listens any more, because of `why`.
  void fail(Error why);
  /// Streaming is on and does not work: why.
  Result<void> ready() const;

  /// The URL. kUnavailable when nobody listens, kResourceExhausted when too many wait.
  Result<std::string> add(StreamRequest request, Clock::time_point now = Clock::now());
  /// `kind` is the URL's: "exec", "attach" or "portforward".
  std::optional<StreamRequest> take(const std::string& kind, const std::string& token,
                                    Clock::time_point now = Clock::now());

 private:
  struct Waiting {
    StreamRequest request;
    Clock::time_point until;
  };
  struct State {
    std::string base;
    std::optional<Error> failed;
    std::unordered_map<std::string, Waiting> waiting;
  };
  Guarded<State> state_;
};

}  // namespace berth::daemon
