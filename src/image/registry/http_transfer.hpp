// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "image/registry/http.hpp"

namespace berth::image {

struct CloseMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
using Multi = std::unique_ptr<CURLM, CloseMulti>;

/// One request and its response, without redirects; used once.
class HttpTransfer {
 public:
  HttpTransfer(const HttpRequest& request, const HttpClient::Options& options);
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;
  ~HttpTransfer();

  HttpOutcome run(CURLM* multi, const std::stop_token& cancel);

 private:
  using Clock = std::chrono::steady_clock;

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_data(char* data, std::size_t size, std::size_t count, void* self);
  void set_options();
  void set_proxy();
  void set_tls();
  void set_headers();
  void note_progress(std::size_t bytes);
  bool accept_header(std::string_view line);
  bool accept_body(std::string_view data);
  bool fail(HttpFailure failure, Error error);
  void drive(CURLM* multi, int cancel_fd, const std::stop_token& cancel);
  void judge(CURLcode code);

  const HttpRequest& request_;
  const HttpClient::Options& options_;
  CURL* easy_;
  curl_slist* header_list_ = nullptr;
  char problem_[CURL_ERROR_SIZE] = {};
  HttpOutcome outcome_;
  std::size_t header_bytes_ = 0;
  bool cut_ = false;  ///< we ended it, and that is no failure
  // Since when the network was waited for, and what it gave; begun anew whenever that is enough.
  Clock::time_point window_start_ = Clock::now();
  std::size_t window_bytes_ = 0;
};

}  // namespace berth::image
