// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "runtime/cgroup/dbus_message.hpp"

using namespace berth;
using namespace berth::runtime::cgroup;

namespace {

std::string call_text() {
  DbusWriter body;
  body.string("x.scope");
  body.number64(7);
  return marshal({"org.example", "/a/b", "org.example.I", "Member", "st", std::move(body)}, 9);
}

bool is_refused(std::string_view bytes) {
  const auto size = message_size(bytes);
  return !size || !*size || !parse_message(bytes);
}

}  // namespace

TEST_CASE("what was put into a message comes out of it", "[dbus]") {
  const std::string bytes = call_text();
  const auto size = message_size(bytes);
  REQUIRE(size);
  CHECK(*size == bytes.size());
  const auto message = parse_message(bytes);
  REQUIRE(message);
  CHECK(message->kind == DbusMessage::Kind::kCall);
  CHECK(message->interface == "org.example.I");
  CHECK(message->member == "Member");
  CHECK(message->signature == "st");
  DbusReader in(message->body);
  CHECK(in.string() == "x.scope");
  CHECK_FALSE(in.failed());
}

TEST_CASE("an array's length is that of its elements, without the gap before the first", "[dbus]") {
  DbusWriter out;
  const std::size_t array = out.open_array(8);
  out.number64(1);
  out.number64(2);
  out.close_array(array);
  DbusReader in(out.bytes());
  CHECK(in.number32() == 16);
  CHECK(out.bytes().size() == 24);
}

TEST_CASE("a message that ends too early is no message, wherever it ends", "[dbus]") {
  const std::string bytes = call_text();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    INFO(size);
    CHECK(is_refused(std::string_view(bytes).substr(0, size)));
  }
  CHECK(is_refused(bytes + "x"));
}

TEST_CASE("lengths that lie are found out", "[dbus]") {
  const std::string good = call_text();
  // Of the body, of the fields, of the first field's string.
  for (const std::size_t at : {4U, 12U, 20U}) {
    for (const char digit : {'\x01', '\x7f', '\xff'}) {
      std::string bytes = good;
      bytes[at] = digit;
      INFO(at);
      CHECK(is_refused(bytes));
      bytes[at + 3] = digit;
      CHECK(is_refused(bytes));
    }
  }
}

TEST_CASE("another byte order, another protocol and fields of unknown shape are refused", "[dbus]") {
  std::string order = call_text(), protocol = call_text(), shape = call_text();
  order[0] = order[0] == 'l' ? 'B' : 'l';
  CHECK(is_refused(order));
  protocol[3] = 2;
  CHECK(is_refused(protocol));
  shape[18] = '(';  // the type of the first field
  CHECK(is_refused(shape));
}

TEST_CASE("after the first value that is not there all others are empty", "[dbus]") {
  DbusReader in("ab");
  CHECK(in.number32() == 0);
  CHECK(in.failed());
  CHECK(in.string().empty());
  CHECK(in.byte() == 0);
}
