// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "runtime/shim_codec.hpp"

using namespace berth;
using namespace berth::runtime;

namespace {

shim::ObjectState exited() {
  shim::ObjectState state{};
  std::fill(std::begin(state.id.hex), std::end(state.id.hex), 'a');
  state.phase = shim::Phase::kExited;
  state.exit.magic = shim::kExitMagic;
  state.exit.version = 1;
  state.exit.exit_code = 137;
  return state;
}

}  // namespace

TEST_CASE("a message survives the way to bytes and back, whatever is appended", "[shim]") {
  const shim::ObjectRequest request{*object_id(std::string(64, 'f'))};
  auto packet = encode_message(shim::Type::kStart, 7, bytes_of(request));
  packet.resize(packet.size() + 100);
  const auto message = decode_message(packet);
  REQUIRE(message);
  CHECK(message->header.type == shim::Type::kStart);
  CHECK(message->header.seq == 7);
  CHECK(text_of(decode_struct<shim::ObjectRequest>(message->body)->id) == std::string(64, 'f'));
}

TEST_CASE("packets that are short, long or foreign are refused", "[shim]") {
  const auto good = encode_message(shim::Type::kReply, 1, {});
  CHECK(decode_message(good));
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(decode_message(Bytes(good).first(size)));
  auto foreign = good;
  foreign[0] = std::byte{0};
  CHECK_FALSE(decode_message(foreign));
  auto newer = good;
  newer[6] = std::byte{99};
  CHECK_FALSE(decode_message(newer));
  auto large = good;
  large.resize(shim::kMaxMessage);
  CHECK(decode_message(large));
  large.resize(shim::kMaxMessage + 1);
  CHECK_FALSE(decode_message(large));
}

TEST_CASE("a reply with an impossible errno is refused", "[shim]") {
  CHECK_FALSE(decode_reply({}));
  CHECK_FALSE(decode_reply(bytes_of(shim::Reply{-1, 0})));
  CHECK_FALSE(decode_reply(bytes_of(shim::Reply{5000, 0})));
  CHECK(decode_reply(bytes_of(shim::Reply{22, 3}))->reply.op_index == 3);
}

TEST_CASE("objects with a bad id, phase or exit record are refused", "[shim]") {
  const auto good = exited();
  CHECK(decode_object_state(bytes_of(good)));
  CHECK_FALSE(decode_object_state(bytes_of(good).first(sizeof(good) - 1)));
  auto bad = good;
  bad.id.hex[63] = 'A';
  CHECK_FALSE(decode_object_state(bytes_of(bad)));
  for (const std::uint32_t phase : {0U, 5U, 0xffffffffU}) {
    bad = good;
    std::memcpy(&bad.phase, &phase, sizeof(phase));
    CHECK_FALSE(decode_object_state(bytes_of(bad)));
  }
  bad = good;
  bad.exit.magic = 0;
  CHECK_FALSE(decode_object_state(bytes_of(bad)));
  bad.phase = shim::Phase::kRunning;
  CHECK(decode_object_state(bytes_of(bad)));  // it has none yet
  bad = good;
  bad.exit.exit_code = 256;
  CHECK_FALSE(decode_object_state(bytes_of(bad)));
}

TEST_CASE("object ids are 64 lower-case hex digits", "[shim]") {
  CHECK(object_id(std::string(64, '0')));
  for (const std::string& id : {std::string(), std::string(63, 'a'), std::string(65, 'a'),
                                std::string(64, 'A'), std::string(64, '/')}) {
    CHECK(object_id(id).error().code() == Code::kInvalidArgument);
  }
}
