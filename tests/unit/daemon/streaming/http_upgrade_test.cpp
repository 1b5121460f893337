// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/http_upgrade.hpp"

#include <catch2/catch.hpp>

#include "base/cat.hpp"

using namespace berth;
using namespace berth::daemon::streaming;

namespace {

std::optional<Upgrade> ask(std::string_view lines, int* status = nullptr) {
  std::string head(lines);
  for (std::size_t at = 0; (at = head.find('\n', at)) != std::string::npos; at += 2)
    head.replace(at, 1, "\r\n");
  HttpRefusal refusal;
  auto upgrade = negotiate_upgrade(head, refusal);
  if (status != nullptr) *status = upgrade ? 101 : refusal.status;
  return upgrade;
}

constexpr std::string_view kWebSocket =
    "Host: h\nConnection: keep-alive, Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n";

int status_of(std::string_view lines) {
  int status = 0;
  (void)ask(lines, &status);
  return status;
}

}  // namespace

TEST_CASE("SPDY: the first version that both know") {
  const auto upgrade = ask(
      "POST /exec/abc HTTP/1.1\nHost: h\nConnection: Upgrade\nUpgrade: SPDY/3.1\nX-Stream-Protocol-Version: "
      "v5.channel.k8s.io\nX-Stream-Protocol-Version: v4.channel.k8s.io, v3.channel.k8s.io\nContent-Length: "
      "0\n\n");
  REQUIRE(upgrade);
  CHECK(upgrade->kind == "exec");
  CHECK(upgrade->token == "abc");
  CHECK(upgrade->version == 4);
  CHECK_FALSE(upgrade->websocket);
  CHECK(upgrade->answer ==
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n");
}

TEST_CASE("SPDY: a client that names no version speaks the first one") {
  const auto upgrade = ask("GET /attach/t?x=1 HTTP/1.1\nConnection: upgrade\nUpgrade: spdy/3.1\n\n");
  REQUIRE(upgrade);
  CHECK(upgrade->version == 1);
  CHECK(upgrade->token == "t");
  CHECK(upgrade->answer.find("X-Stream") == std::string::npos);
}

TEST_CASE("WebSocket: the RFC's key is answered: golden bytes") {
  const auto upgrade =
      ask(cat("GET /exec/abc HTTP/1.1\n", kWebSocket, "Sec-WebSocket-Protocol: v9, v5.channel.k8s.io\n\n"));
  REQUIRE(upgrade);
  CHECK(upgrade->websocket);
  CHECK(upgrade->version == 5);
  CHECK(upgrade->answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
  CHECK(upgrade->answer.find("Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n") != std::string::npos);
}

TEST_CASE("WebSocket: base64 forms, and SPDY within messages for ports") {
  CHECK(ask(cat("GET /exec/a HTTP/1.1\n", kWebSocket, "Sec-WebSocket-Protocol: v4.base64.channel.k8s.io\n\n"))
            ->base64);
  CHECK(ask(cat("GET /exec/a HTTP/1.1\n", kWebSocket, "\n"))->version == 1);
  const auto tunnel = ask(cat("GET /portforward/a HTTP/1.1\n", kWebSocket,
                              "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\n\n"));
  REQUIRE(tunnel);
  CHECK(tunnel->tunnel);
}

TEST_CASE("What is no such request is refused with the status that fits") {
  CHECK(status_of("HELLO\n\n") == 400);
  CHECK(status_of(std::string("\0\0\0\0\r\n\r\n", 8)) == 400);
  CHECK(status_of("GET /exec/a HTTP/1.1\nHost: h\n\n") == 426);
  CHECK(status_of("GET /exec/a HTTP/1.1\nConnection: Upgrade\nUpgrade: h2c\n\n") == 426);
  CHECK(status_of("GET / HTTP/1.1\nConnection: Upgrade\nUpgrade: SPDY/3.1\n\n") == 404);
  CHECK(status_of("GET /exec/ HTTP/1.1\nConnection: Upgrade\nUpgrade: SPDY/3.1\n\n") == 404);
  CHECK(status_of("GET /../exec/a HTTP/1.1\nConnection: Upgrade\nUpgrade: SPDY/3.1\n\n") == 404);
  CHECK(status_of("DELETE /exec/a HTTP/1.1\nConnection: Upgrade\nUpgrade: SPDY/3.1\n\n") == 405);
  CHECK(status_of("POST /exec/a HTTP/1.1\nConnection: Upgrade\nUpgrade: SPDY/3.1\nContent-Length: 5\n\n") ==
        400);
  CHECK(
      status_of(
          "POST /exec/a HTTP/1.1\nConnection: Upgrade\nUpgrade: SPDY/3.1\nTransfer-Encoding: chunked\n\n") ==
      400);
  CHECK(status_of("GET /exec/a HTTP/1.1\nConnection: Upgrade\nUpgrade: SPDY/3.1\nX-Stream-Protocol-Version: "
                  "v9\n\n") == 403);
  CHECK(status_of(cat("POST /exec/a HTTP/1.1\n", kWebSocket, "\n")) == 405);
  CHECK(status_of(cat("GET /exec/a HTTP/1.1\n", kWebSocket, "Sec-WebSocket-Protocol: chat\n\n")) == 403);
  CHECK(status_of(
            "GET /exec/a HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n\n") ==
        400);
}

TEST_CASE("A refusal is a whole HTTP answer") {
  CHECK(HttpRefusal{404, "gone", "X: y\r\n"}.text() ==
        "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 5\r\nX: y\r\n\r\ngone\n");
}
