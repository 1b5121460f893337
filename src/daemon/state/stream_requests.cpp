// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/stream_requests.hpp"

#include "base/cat.hpp"
#include "base/digest.hpp"

namespace berth::daemon {
namespace {

const char* kind_of(const StreamRequest& request) {
  constexpr const char* kKinds[] = {"exec", "attach", "portforward"};
  return kKinds[request.index()];
}

}  // namespace

void StreamRequests::serve_at(std::string base) {
  auto state = state_.lock();
  state->base = std::move(base);
  state->failed.reset();
}

void StreamRequests::fail(Error why) {
  state_.lock()->failed = std::move(why);
}

Result<void> StreamRequests::ready() const {
  auto state = state_.lock();
  if (state->failed) return *state->failed;
  return {};
}

Result<std::string> StreamRequests::add(StreamRequest request, Clock::time_point now) {
  std::string token = random_id();
  auto state = state_.lock();
  if (state->failed) return Error(*state->failed);
  if (state->base.empty())
    return Error(Code::kUnavailable, "the streaming server is off (streaming.address is empty)");
  std::erase_if(state->waiting, [now](const auto& entry) { return entry.second.until <= now; });
  if (state->waiting.size() >= kMaxWaiting) {
    return Error(Code::kResourceExhausted,
                 cat(kMaxWaiting, " requests for streams wait for their clients already, try again"));
  }
  std::string url = cat(state->base, "/", kind_of(request), "/", token);
  state->waiting.emplace(std::move(token), Waiting{std::move(request), now + kLifetime});
  return url;
}

std::optional<StreamRequest> StreamRequests::take(const std::string& kind, const std::string& token,
                                                  Clock::time_point now) {
  auto state = state_.lock();
  const auto found = state->waiting.find(token);
  if (found == state->waiting.end() || kind != kind_of(found->second.request)) return std::nullopt;
  const Waiting waiting = std::move(found->second);
  state->waiting.erase(found);
  if (waiting.until <= now) return std::nullopt;
  return waiting.request;
}

}  // namespace berth::daemon
