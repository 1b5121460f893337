// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/cat.hpp"
#include "base/json.hpp"
#include "image/registry/auth.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxEntries = 1000;
constexpr std::size_t kMaxToken = 64U << 10;

}  // namespace

std::optional<std::string> TokenCache::find(const std::string& key, Clock::time_point now) {
  auto entries = entries_.lock();
  const auto found = entries->find(key);
  if (found == entries->end() || found->second.expires <= now) return std::nullopt;
  return found->second.token;
}

void TokenCache::store(const std::string& key, const std::string& token, Clock::time_point expires,
                       Clock::time_point now) {
  auto entries = entries_.lock();
  if (entries->size() >= kMaxEntries)
    std::erase_if(*entries, [now](const auto& item) { return item.second.expires <= now; });
  if (entries->size() >= kMaxEntries) entries->clear();
  (*entries)[key] = {token, expires};
}

void TokenCache::drop(const std::string& key, const std::string& token) {
  auto entries = entries_.lock();
  const auto found = entries->find(key);
  if (found != entries->end() && found->second.token == token) entries->erase(found);
}

Result<IssuedToken> parse_token_response(std::string_view body) {
  constexpr std::string_view kSubject = "token response";
  ASSIGN_OR_RETURN(const Json document, parse_json(body, 1U << 20, kSubject));
  IssuedToken issued;
  ASSIGN_OR_RETURN(issued.token, json_string_or(document, "token", "", kSubject));
  if (issued.token.empty()) {
    ASSIGN_OR_RETURN(issued.token, json_string_or(document, "access_token", "", kSubject));
  }
  const bool printable =
      std::all_of(issued.token.begin(), issued.token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (issued.token.empty() || issued.token.size() > kMaxToken || !printable) {
    return Error(Code::kFailedPrecondition, "the token server's answer holds no usable token");
  }
  // Shorter lifetimes would mean a token per request.
  if (const auto found = document.find("expires_in"); found != document.end() && found->is_number()) {
    const double seconds = found->get<double>();
    if (std::isfinite(seconds))
      issued.lifetime = std::chrono::seconds(std::llround(std::clamp(seconds, 60.0, 86400.0)));
  }
  return issued;
}

}  // namespace berth::image
