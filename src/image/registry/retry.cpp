// SPDX-License-Identifier: Apache-2.0
#include "image/registry/retry.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "image/registry/header_values.hpp"

namespace berth::image {
namespace {

bool sleep_for(std::chrono::milliseconds duration, const std::stop_token& cancel) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, cancel, duration, [] { return false; });
  return !cancel.stop_requested();
}

// {"errors":[{"code":"MANIFEST_UNKNOWN","message":"..."}]}; only what is safe to show.
std::string server_words(const HttpResponse& response) {
  const auto document = parse_json(response.body, 1U << 20, "error");
  if (!document || !document->is_object()) return {};
  const auto errors = document->find("errors");
  if (errors == document->end() || !errors->is_array() || errors->empty() || !errors->front().is_object())
    return {};
  const auto code = json_string_or(errors->front(), "code", "", "error");
  const auto message = json_string_or(errors->front(), "message", "", "error");
  if (!code || !message) return {};
  std::string words = cat(*code, !code->empty() && !message->empty() ? ": " : "", *message).substr(0, 200);
  std::replace_if(
      words.begin(), words.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return words;
}

Code status_code(int status) {
  if (status == 401 || status == 403) return Code::kPermissionDenied;
  if (status == 404) return Code::kNotFound;
  if (status == 408 || status == 429 || status >= 500) return Code::kUnavailable;
  return Code::kFailedPrecondition;
}

}  // namespace

bool worth_retrying(const HttpOutcome& outcome) {
  if (outcome.failure != HttpFailure::kNone) return outcome.failure == HttpFailure::kTransfer;
  const int status = outcome.response.status;
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

Error describe_status(const HttpResponse& response) {
  const std::string words = server_words(response);
  return {status_code(response.status), cat("the registry answered with status ", response.status,
                                            words.empty() ? "" : cat(" (", words, ")"))};
}

bool Backoff::wait(const HttpOutcome& outcome, std::stop_token cancel) {
  if (used_ >= policy_.attempts) return false;
  auto delay = std::min(policy_.first_delay * (1 << std::min(used_ - 1, 16)), policy_.longest_delay);
  // Spread over a quarter, so that nodes that failed together do not come back together.
  delay += delay * (now_ns() / 1000 % 256) / 1024;
  ++used_;
  if (const auto asked =
          parse_retry_after(outcome.response.header("retry-after"), now_ns() / 1'000'000'000)) {
    if (*asked > policy_.longest_delay) return false;
    delay = std::max<std::chrono::milliseconds>(delay, *asked);
  }
  return sleep_for(delay, cancel);
}

}  // namespace berth::image
