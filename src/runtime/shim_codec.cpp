// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim_codec.hpp"

#include <algorithm>

#include "base/cat.hpp"

namespace berth::runtime {
namespace {

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_id(std::string_view text) {
  return text.size() == sizeof(shim::ObjectId::hex) && std::all_of(text.begin(), text.end(), is_hex);
}

Error nonsense(std::string_view what) {
  return {Code::kInternal, cat("the shim sent ", what)};
}

bool is_whole(const shim::ExitRecord& exit) {
  constexpr int kHighestCode = 255;
  return exit.magic == shim::kExitMagic && exit.version >= 1 && exit.exit_code >= 0 &&
         exit.exit_code <= kHighestCode;
}

}  // namespace

Result<ShimMessage> decode_message(Bytes packet) {
  if (packet.size() > shim::kMaxMessage) return nonsense("a packet that is too long");
  if (packet.size() < sizeof(shim::Header)) return nonsense("a packet that is too short");
  ShimMessage message;
  std::memcpy(&message.header, packet.data(), sizeof(message.header));
  if (message.header.magic != shim::kMagic) return nonsense("a packet of another protocol");
  if (message.header.version < shim::kVersionMin || message.header.version > shim::kVersionMax) {
    return nonsense(cat("a packet of protocol version ", message.header.version));
  }
  message.body = packet.subspan(sizeof(shim::Header));
  return message;
}

Result<ShimReply> decode_reply(Bytes body) {
  ShimReply reply;
  ASSIGN_OR_RETURN(reply.reply, decode_struct<shim::Reply>(body));
  constexpr int kHighestErrno = 4095;
  if (reply.reply.err < 0 || reply.reply.err > kHighestErrno)
    return nonsense(cat("the errno ", reply.reply.err));
  reply.body = body.subspan(sizeof(shim::Reply));
  return reply;
}

Result<shim::ObjectState> decode_object_state(Bytes body) {
  ASSIGN_OR_RETURN(const shim::ObjectState state, decode_struct<shim::ObjectState>(body));
  if (!is_id(std::string_view(state.id.hex, sizeof(state.id.hex))))
    return nonsense("an object without a valid id");
  // Compared as a number: the enum may hold anything that came over the wire.
  const auto phase = static_cast<std::uint32_t>(state.phase);
  if (phase < static_cast<std::uint32_t>(shim::Phase::kLaunching) ||
      phase > static_cast<std::uint32_t>(shim::Phase::kExited)) {
    return nonsense(cat("the object phase ", phase));
  }
  if (state.phase == shim::Phase::kExited && !is_whole(state.exit))
    return nonsense("a malformed exit record");
  return state;
}

std::vector<std::byte> encode_message(shim::Type type, std::uint64_t seq, Bytes body) {
  const shim::Header header{shim::kMagic, type, shim::kVersionMax, seq};
  const Bytes head = bytes_of(header);
  std::vector<std::byte> packet(head.begin(), head.end());
  packet.insert(packet.end(), body.begin(), body.end());
  return packet;
}

Result<shim::ObjectId> object_id(const std::string& id) {
  if (!is_id(id))
    return Error(Code::kInvalidArgument,
                 cat("id \"", id.substr(0, 80), "\" is not 64 lower-case hex digits"));
  shim::ObjectId object;
  std::copy(id.begin(), id.end(), object.hex);
  return object;
}

std::string text_of(const shim::ObjectId& id) {
  return std::string(id.hex, sizeof(id.hex));
}

}  // namespace berth::runtime
