// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/http_upgrade.hpp"

#include <openssl/evp.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <span>
#include <vector>

#include "base/cat.hpp"
#include "image/registry/base64.hpp"

namespace berth::daemon::streaming {
namespace {

namespace http = boost::beast::http;
using Fields = http::request<http::empty_body>;

/// A subprotocol and what it means.
struct Protocol {
  std::string_view name;
  int version = 0;
  bool base64 = false;
  bool tunnel = false;
};

constexpr Protocol kSpdyRemote[] = {
    {"v4.channel.k8s.io", 4}, {"v3.channel.k8s.io", 3}, {"v2.channel.k8s.io", 2}, {"channel.k8s.io", 1}};
constexpr Protocol kSpdyForward[] = {{"portforward.k8s.io"}};
constexpr Protocol kWebSocketRemote[] = {
    {"v5.channel.k8s.io", 5}, {"v5.base64.channel.k8s.io", 5, true},
    {"v4.channel.k8s.io", 4}, {"v4.base64.channel.k8s.io", 4, true},
    {"channel.k8s.io", 1},    {"base64.channel.k8s.io", 1, true},
};
constexpr Protocol kWebSocketForward[] = {
    {"SPDY/3.1+portforward.k8s.io", 0, false, true},
    {"v4.channel.k8s.io"},
    {"v4.base64.channel.k8s.io", 0, true},
};

std::string view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

bool has_token(const Fields& request, http::field name, std::string_view wanted) {
  return http::token_list(request[name]).exists({wanted.data(), wanted.size()});
}

/// The values of a header that may come several times and may have several in a line.
std::vector<std::string> listed(const Fields& request, boost::beast::string_view name) {
  std::vector<std::string> values;
  const auto range = request.equal_range(name);
  for (auto line = range.first; line != range.second; ++line) {
    std::string rest = view(line->value());
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      std::string value = rest.substr(0, comma);
      value.erase(0, value.find_first_not_of(" \t"));
      value.erase(value.find_last_not_of(" \t") + 1);
      if (!value.empty()) values.push_back(std::move(value));
      rest.erase(0, comma + 1);
    }
  }
  return values;
}

/// The first of the client's that we have; without any from the client, `none`.
std::optional<Protocol> choose(const std::vector<std::string>& offered, std::span<const Protocol> known,
                               Protocol none) {
  if (offered.empty()) return none;
  for (const auto& name : offered) {
    for (const auto& protocol : known) {
      if (protocol.name == name) return protocol;
    }
  }
  return std::nullopt;
}

std::string websocket_accept(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, 1.3
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ::EVP_Digest(text.data(), text.size(), digest, &size, ::EVP_sha1(), nullptr);
  return image::encode_base64({reinterpret_cast<const char*>(digest), size});
}

std::nullopt_t refuse(HttpRefusal& refusal, int status, std::string reason, std::string headers = "") {
  refusal = {status, std::move(reason), std::move(headers)};
  return std::nullopt;
}

/// "/exec/TOKEN", without a query.
bool split_target(std::string_view target, Upgrade& upgrade) {
  target = target.substr(0, target.find('?'));
  const std::size_t slash = target.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || target[0] != '/') return false;
  upgrade.kind = std::string(target.substr(1, slash - 1));
  upgrade.token = std::string(target.substr(slash + 1));
  return !upgrade.token.empty() &&
         (upgrade.kind == "exec" || upgrade.kind == "attach" || upgrade.kind == "portforward");
}

std::optional<Upgrade> settle_spdy(const Fields& request, Upgrade upgrade, HttpRefusal& refusal) {
  const bool forward = upgrade.kind == "portforward";
  const std::span<const Protocol> known = forward ? std::span<const Protocol>(kSpdyForward) : kSpdyRemote;
  const auto offered = listed(request, "X-Stream-Protocol-Version");
  const auto chosen = choose(offered, known, forward ? Protocol{} : Protocol{"", 1});
  if (!chosen) {
    std::string ours;
    for (const auto& protocol : known)
      ours += cat("X-Accepted-Stream-Protocol-Versions: ", protocol.name, "\r\n");
    return refuse(refusal, 403, "none of the stream protocol versions offered is known", ours);
  }
  upgrade.version = chosen->version;
  upgrade.answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n";
  if (!offered.empty()) upgrade.answer += cat("X-Stream-Protocol-Version: ", chosen->name, "\r\n");
  upgrade.answer += "\r\n";
  return upgrade;
}

std::optional<Upgrade> settle_websocket(const Fields& request, Upgrade upgrade, HttpRefusal& refusal) {
  if (request.method() != http::verb::get)
    return refuse(refusal, 405, "a WebSocket begins with GET", "Allow: GET\r\n");
  if (request[http::field::sec_websocket_version] != "13")
    return refuse(refusal, 426, "WebSocket version 13 is needed", "Sec-WebSocket-Version: 13\r\n");
  const std::string key = view(request[http::field::sec_websocket_key]);
  if (const auto nonce = image::decode_base64(key); !nonce || nonce->size() != 16)
    return refuse(refusal, 400, "Sec-WebSocket-Key is not 16 bytes in base64");
  const bool forward = upgrade.kind == "portforward";
  const std::span<const Protocol> known =
      forward ? std::span<const Protocol>(kWebSocketForward) : kWebSocketRemote;
  const auto offered = listed(request, "Sec-WebSocket-Protocol");
  const auto chosen = choose(offered, known, forward ? Protocol{} : Protocol{"", 1});
  if (!chosen) return refuse(refusal, 403, "none of the WebSocket protocols offered is known");
  upgrade.websocket = true;
  upgrade.version = chosen->version;
  upgrade.base64 = chosen->base64;
  upgrade.tunnel = chosen->tunnel;
  upgrade.answer = cat("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
                       "Sec-WebSocket-Accept: ", websocket_accept(key), "\r\n");
  if (!offered.empty()) upgrade.answer += cat("Sec-WebSocket-Protocol: ", chosen->name, "\r\n");
  upgrade.answer += "\r\n";
  return upgrade;
}

}  // namespace

std::string HttpRefusal::text() const {
  const auto words = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return cat("HTTP/1.1 ", status, " ", view(words), "\r\nConnection: close\r\n",
             "Content-Type: text/plain; charset=utf-8\r\n", "Content-Length: ", reason.size() + 1, "\r\n",
             headers, "\r\n", reason, "\n");
}

std::optional<std::size_t> http_head_size(std::string_view received) {
  const std::size_t end = received.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  return end + 4;
}

std::optional<Upgrade> negotiate_upgrade(std::string_view head, HttpRefusal& refusal) {
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kMaxHttpHead);
  boost::system::error_code failed;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), failed);
  if (failed || !parser.is_header_done()) return refuse(refusal, 400, "this is not an HTTP request");
  const Fields& request = parser.get();
  if (!parser.is_done() || parser.chunked() || parser.content_length().value_or(0) != 0)
    return refuse(refusal, 400, "a request with a body");
  if (request.method() != http::verb::get && request.method() != http::verb::post)
    return refuse(refusal, 405, "only GET and POST", "Allow: GET, POST\r\n");
  Upgrade upgrade;
  if (!split_target({request.target().data(), request.target().size()}, upgrade))
    return refuse(refusal, 404, "there is nothing here");
  if (!has_token(request, http::field::connection, "upgrade"))
    return refuse(refusal, 426, "an upgrade to SPDY/3.1 or WebSocket is needed",
                  "Upgrade: SPDY/3.1, websocket\r\n");
  if (has_token(request, http::field::upgrade, "websocket"))
    return settle_websocket(request, std::move(upgrade), refusal);
  for (const auto& name : listed(request, "Upgrade")) {
    if (boost::beast::iequals(name, "SPDY/3.1")) return settle_spdy(request, std::move(upgrade), refusal);
  }
  return refuse(refusal, 426, "an upgrade to SPDY/3.1 or WebSocket is needed",
                "Upgrade: SPDY/3.1, websocket\r\n");
}

}  // namespace berth::daemon::streaming
