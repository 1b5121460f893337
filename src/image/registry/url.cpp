// SPDX-License-Identifier: Apache-2.0
#include "image/registry/url.hpp"

#include <curl/curl.h>

#include <memory>

#include "base/cat.hpp"

namespace berth::image {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

std::string part(const Url& url, CURLUPart what, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), what, &text, flags) != CURLUE_OK || text == nullptr) return {};
  std::string value(text);
  curl_free(text);
  return value;
}

Result<Url> parse(const std::string& text, const std::string& relative) {
  Url url(curl_url());
  bool good = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER) == CURLUE_OK;
  if (good && !relative.empty()) {
    good = curl_url_set(url.get(), CURLUPART_URL, relative.c_str(), CURLU_DISALLOW_USER) == CURLUE_OK;
  }
  const std::string scheme = good ? part(url, CURLUPART_SCHEME) : "";
  if (scheme == "http" || scheme == "https") return url;
  return Error(Code::kFailedPrecondition,
               cat("not an http or https address: \"", redact_url(relative.empty() ? text : relative), "\""));
}

std::string origin(const Url& url) {
  return cat(part(url, CURLUPART_SCHEME), "://", part(url, CURLUPART_HOST), ":",
             part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alnum || std::string_view("-._~").find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return out;
}

std::string redact_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#")).substr(0, 300);
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const std::string_view rest = url.substr(scheme + 3);
  const std::size_t at = rest.substr(0, rest.find('/')).rfind('@');
  return cat(url.substr(0, scheme + 3), at == std::string_view::npos ? rest : rest.substr(at + 1));
}

Result<std::string> url_origin(const std::string& url) {
  ASSIGN_OR_RETURN(const Url parsed, parse(url, ""));
  return origin(parsed);
}

Result<std::string> resolve_redirect(const std::string& base, const std::string& location) {
  if (location.empty()) return Error(Code::kFailedPrecondition, "a redirect without a Location");
  ASSIGN_OR_RETURN(const Url url, parse(base, location));
  if (base.starts_with("https:") && part(url, CURLUPART_SCHEME) != "https") {
    return Error(Code::kFailedPrecondition,
                 cat("a redirect from https to ", redact_url(location), " was refused"));
  }
  return part(url, CURLUPART_URL);
}

}  // namespace berth::image
