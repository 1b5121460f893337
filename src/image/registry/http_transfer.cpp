// SPDX-License-Identifier: Apache-2.0
#include "image/registry/http_transfer.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/cancel_event.hpp"
#include "base/cat.hpp"
#include "image/registry/header_values.hpp"
#include "image/registry/url.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxHeaderBytes = 256U << 10;
constexpr std::size_t kLeastProgress = 64U << 10;  // of the body, within the progress timeout

curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::string host_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t start = scheme == std::string::npos ? 0 : scheme + 3;
  return url.substr(start, url.find_first_of("/?", start) - start);
}

// A proxy has no business with this host's own ports.
bool is_loopback(const std::string& host) {
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

}  // namespace

HttpTransfer::HttpTransfer(const HttpRequest& request, const HttpClient::Options& options)
    : request_(request), options_(options), easy_(curl_easy_init()) {}

HttpTransfer::~HttpTransfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(header_list_);
}

bool HttpTransfer::fail(HttpFailure failure, Error error) {
  if (outcome_.failure == HttpFailure::kNone) {
    outcome_.failure = failure;
    outcome_.error = std::move(error);
  }
  return false;
}

void HttpTransfer::set_headers() {
  auto append = [this](const std::string& line) {
    if (curl_slist* longer = curl_slist_append(header_list_, line.c_str())) header_list_ = longer;
  };
  for (const std::string& line : request_.headers) append(line);
  for (const std::string& line : request_.origin_headers) append(line);
  if (!request_.authorization.empty()) append("Authorization: " + request_.authorization);
  append("Expect:");
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_);
}

void HttpTransfer::set_options() {
  curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  // A cancelled request must not wait for a resolver that is stuck.
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, problem_);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "berth");
  // Asks for no encoding, and undoes one that comes all the same: digests are of the plain bytes.
  curl_easy_setopt(easy_, CURLOPT_ACCEPT_ENCODING, "identity");
  auto connect_timeout = request_.insecure ? options_.insecure_connect_timeout : options_.connect_timeout;
  if (request_.connect_timeout.count() > 0) connect_timeout = request_.connect_timeout;
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_timeout.count()));
  if (request_.method == "HEAD") curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  if (request_.method == "POST") {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());
  }
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &HttpTransfer::on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &HttpTransfer::on_data);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
}

void HttpTransfer::set_proxy() {
  const ProxyOptions& proxy = options_.proxy;
  const bool none = is_loopback(host_of(request_.url));
  const std::string& chosen = request_.url.starts_with("https:") ? proxy.https : proxy.http;
  // Both are set even when empty: libcurl would look into the environment for what is not.
  curl_easy_setopt(easy_, CURLOPT_PROXY, none ? "" : chosen.c_str());
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, proxy.exceptions.c_str());
}

void HttpTransfer::set_tls() {
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (request_.insecure) {
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  const TlsFiles& tls = request_.tls;
  if (tls.extra_ca) {
    curl_blob blob{const_cast<char*>(tls.extra_ca->data()), tls.extra_ca->size(), CURL_BLOB_NOCOPY};
    curl_easy_setopt(easy_, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (tls.client_cert.empty()) return;
  curl_easy_setopt(easy_, CURLOPT_SSLCERT, tls.client_cert.c_str());
  curl_easy_setopt(easy_, CURLOPT_SSLKEY, tls.client_key.c_str());
}

std::size_t HttpTransfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  return transfer.accept_header({data, size * count}) ? size * count : 0;
}

std::size_t HttpTransfer::on_data(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const auto before = Clock::now();
  const bool good = transfer.accept_body({data, size * count});
  // The sink's blocking is not the network's silence.
  transfer.window_start_ += Clock::now() - before;
  transfer.note_progress(size * count);
  return good ? size * count : 0;
}

void HttpTransfer::note_progress(std::size_t bytes) {
  window_bytes_ += bytes;
  if (window_bytes_ < kLeastProgress) return;
  window_bytes_ = 0;
  window_start_ = Clock::now();
}

bool HttpTransfer::accept_header(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaderBytes) {
    return fail(HttpFailure::kRefused,
                Error(Code::kFailedPrecondition, "the response's headers are too long"));
  }
  while (line.ends_with('\n') || line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) outcome_.response.headers.clear();  // a new block, after 1xx or a proxy's
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return true;
  std::string_view value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  outcome_.response.headers[lower(line.substr(0, colon))].emplace_back(value);
  return true;
}

bool HttpTransfer::accept_body(std::string_view data) {
  HttpResponse& response = outcome_.response;
  if (response.status == 0) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
  }
  if (request_.on_body && (response.status == 200 || response.status == 206)) {
    auto taken = request_.on_body(response, std::as_bytes(std::span(data)));
    return taken ? true : fail(HttpFailure::kBody, std::move(taken).error());
  }
  const std::size_t room = request_.body_limit - response.body.size();
  response.body.append(data.substr(0, room));
  const bool success = response.status >= 200 && response.status < 300;
  if (data.size() <= room) return true;
  if (!success) {
    cut_ = true;  // enough of what somebody has to say about a failure, and it may never end
    return false;
  }
  return fail(HttpFailure::kRefused, Error(Code::kFailedPrecondition,
                                           cat("the answer is longer than ", request_.body_limit, " bytes")));
}

void HttpTransfer::drive(CURLM* multi, int cancel_fd, const std::stop_token& cancel) {
  int running = 1;
  while (true) {
    const CURLMcode code = curl_multi_perform(multi, &running);
    if (code != CURLM_OK) {
      fail(HttpFailure::kTransfer, Error(Code::kUnavailable, curl_multi_strerror(code)));
      return;
    }
    if (running == 0) break;
    if (cancel.stop_requested()) {
      fail(HttpFailure::kCancelled, Error(Code::kCancelled, "the caller has gone"));
      return;
    }
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - window_start_);
    if (waited >= options_.progress_timeout) {
      fail(HttpFailure::kTransfer,
           Error(Code::kUnavailable,
                 cat("only ", window_bytes_, " bytes arrived within ", waited.count() / 1000, " s")));
      return;
    }
    curl_waitfd wake{cancel_fd, CURL_WAIT_POLLIN, 0};
    const auto wait =
        std::min<std::chrono::milliseconds>(options_.progress_timeout - waited, std::chrono::seconds(1));
    curl_multi_poll(multi, &wake, cancel_fd >= 0 ? 1 : 0, static_cast<int>(wait.count()) + 1, nullptr);
  }
  int left = 0;
  if (const CURLMsg* message = curl_multi_info_read(multi, &left)) judge(message->data.result);
}

void HttpTransfer::judge(CURLcode code) {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  outcome_.response.status = static_cast<int>(status);
  if (code == CURLE_OK || cut_ || outcome_.failure != HttpFailure::kNone) return;
  curl_off_t sent_after = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &sent_after);
  // libcurl's own words may quote what the server sent, never what we did.
  std::string words = problem_[0] != '\0' ? problem_ : curl_easy_strerror(code);
  if (words.size() > 300) words.resize(300);
  fail(sent_after == 0 ? HttpFailure::kConnect : HttpFailure::kTransfer,
       Error(Code::kUnavailable, std::move(words)));
}

HttpOutcome HttpTransfer::run(CURLM* multi, const std::stop_token& cancel) {
  auto event = CancelEvent::create(cancel);
  if (!event || easy_ == nullptr) {
    fail(HttpFailure::kConnect, event ? Error(Code::kInternal, "out of memory") : std::move(event).error());
    return std::move(outcome_);
  }
  set_options();
  set_proxy();
  set_tls();
  set_headers();
  curl_multi_add_handle(multi, easy_);
  drive(multi, event->fd(), cancel);
  curl_multi_remove_handle(multi, easy_);
  return std::move(outcome_);
}

}  // namespace berth::image
