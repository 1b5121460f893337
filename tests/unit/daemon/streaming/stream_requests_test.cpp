// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/stream_requests.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "base/cat.hpp"

using namespace berth;
using namespace berth::daemon;

namespace {

cri::ExecRequest exec_of(const std::string& container) {
  cri::ExecRequest request;
  request.set_container_id(container);
  return request;
}

std::string token_of(const std::string& url) {
  return url.substr(url.rfind('/') + 1);
}

}  // namespace

TEST_CASE("A URL's token is good once") {
  StreamRequests requests;
  requests.serve_at("http://127.0.0.1:9");
  const auto url = requests.add(exec_of("c1"));
  REQUIRE(url);
  CHECK(url->starts_with("http://127.0.0.1:9/exec/"));
  const auto taken = requests.take("exec", token_of(*url));
  REQUIRE(taken);
  CHECK(std::get<cri::ExecRequest>(*taken).container_id() == "c1");
  CHECK_FALSE(requests.take("exec", token_of(*url)));
}

TEST_CASE("A token is of one kind, and a guess is nothing") {
  StreamRequests requests;
  requests.serve_at("http://h");
  const auto url = requests.add(exec_of("c1"));
  CHECK_FALSE(requests.take("attach", token_of(*url)));
  CHECK_FALSE(requests.take("exec", ""));
  CHECK_FALSE(requests.take("exec", std::string(64, '0')));
  CHECK(requests.take("exec", token_of(*url)));
}

TEST_CASE("A token is good for a minute") {
  StreamRequests requests;
  requests.serve_at("http://h");
  const auto now = StreamRequests::Clock::now();
  const auto early = requests.add(exec_of("c1"), now);
  const auto late = requests.add(exec_of("c1"), now);
  CHECK(requests.take("exec", token_of(*early), now + std::chrono::seconds(59)));
  CHECK_FALSE(requests.take("exec", token_of(*late), now + std::chrono::seconds(60)));
}

TEST_CASE("A thousand requests wait, no more; time makes room") {
  StreamRequests requests;
  requests.serve_at("http://h");
  const auto now = StreamRequests::Clock::now();
  std::set<std::string> tokens;
  for (std::size_t i = 0; i < StreamRequests::kMaxWaiting; ++i)
    tokens.insert(*requests.add(exec_of("c"), now));
  CHECK(tokens.size() == StreamRequests::kMaxWaiting);
  const auto refused = requests.add(exec_of("c"), now);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kResourceExhausted);
  CHECK(requests.add(exec_of("c"), now + std::chrono::seconds(61)));
}

TEST_CASE("Without a listener there are no URLs, and the reason is told") {
  StreamRequests requests;
  CHECK(requests.add(exec_of("c")).error().code() == Code::kUnavailable);
  CHECK(requests.ready());  // streaming that is off does not make the runtime unready
  requests.serve_at("http://h");
  requests.fail(Error(Code::kInternal, "the listener broke"));
  CHECK_FALSE(requests.ready());
  CHECK(requests.add(exec_of("c")).error().to_string() == "the listener broke");
  requests.serve_at("http://h");
  CHECK(requests.ready());
  CHECK(requests.add(exec_of("c")));
}
