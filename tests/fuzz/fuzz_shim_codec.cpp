// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "runtime/shim_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth::runtime;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto message = decode_message(bytes);
  if (!message) return 0;
  if (const auto reply = decode_reply(message->body); reply)
    (void)decode_struct<berth::shim::HelloReply>(reply->body);
  if (const auto state = decode_object_state(message->body); state && !object_id(text_of(state->id)))
    __builtin_trap();
  return 0;
}
