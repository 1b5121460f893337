// SPDX-License-Identifier: Apache-2.0
#include "image/registry/http.hpp"

#include <mutex>

#include "base/cat.hpp"
#include "base/guarded.hpp"
#include "image/registry/http_transfer.hpp"
#include "image/registry/url.hpp"

namespace berth::image {
namespace {

constexpr int kMaxRedirects = 10;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

void initialise_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// Turns `request` towards the redirect's target, without what only the old origin may see.
Result<void> follow(HttpRequest& request, const HttpResponse& response) {
  ASSIGN_OR_RETURN(std::string target, resolve_redirect(request.url, response.header("location")));
  ASSIGN_OR_RETURN(const std::string from, url_origin(request.url));
  ASSIGN_OR_RETURN(const std::string to, url_origin(target));
  if (from != to) {
    request.authorization.clear();
    request.origin_headers.clear();
    request.tls.client_cert.clear();
    request.tls.client_key.clear();
  }
  request.url = std::move(target);
  return {};
}

}  // namespace

std::string HttpResponse::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second.front();
}

// Each multi handle keeps the connections it opened. Last in, first out: the warmest is reused.
struct HttpClient::Pool {
  Guarded<std::vector<Multi>> idle;

  Multi take() {
    auto handles = idle.lock();
    if (handles->empty()) return Multi(curl_multi_init());
    Multi multi = std::move(handles->back());
    handles->pop_back();
    return multi;
  }
  void give_back(Multi multi) { idle.lock()->push_back(std::move(multi)); }
};

HttpClient::HttpClient(Options options) : options_(std::move(options)), pool_(std::make_unique<Pool>()) {
  initialise_curl_once();
}
HttpClient::~HttpClient() = default;

HttpOutcome HttpClient::perform(const HttpRequest& original, std::stop_token cancel) const {
  HttpRequest request = original;
  Multi multi = pool_->take();
  for (int redirects = 0;; ++redirects) {
    HttpOutcome outcome = HttpTransfer(request, options_).run(multi.get(), cancel);
    const bool moved = outcome.failure == HttpFailure::kNone && is_redirect(outcome.response.status);
    auto followed = !moved || request.method == "POST" ? Result<void>() : follow(request, outcome.response);
    if (moved && followed && redirects == kMaxRedirects) {
      followed = Error(Code::kFailedPrecondition, cat("more than ", kMaxRedirects, " redirects"));
    }
    if (!followed) {
      outcome.failure = HttpFailure::kRefused;
      outcome.error = std::move(followed).error();
    }
    if (moved && outcome.failure == HttpFailure::kNone && request.method != "POST") continue;
    // What the reader of the body says is its own story.
    if (outcome.error && outcome.failure != HttpFailure::kBody)
      outcome.error->add_context(cat(request.method, " ", redact_url(request.url)));
    pool_->give_back(std::move(multi));
    return outcome;
  }
}

}  // namespace berth::image
