// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.hpp"
#include "pid1/shim_protocol.h"

namespace berth::runtime {

/// Packets of the shim's protocol as bytes, without a socket. Decoding trusts nothing: sizes first,
/// then values; bytes behind what we know are a newer shim's and ignored.

using Bytes = std::span<const std::byte>;

struct ShimMessage {
  shim::Header header;
  Bytes body;  ///< what follows the header, a view of the packet
};
/// Refuses packets that are short, longer than kMaxMessage, or of another protocol.
Result<ShimMessage> decode_message(Bytes packet);

struct ShimReply {
  shim::Reply reply;
  Bytes body;  ///< the request's own reply struct, possibly followed by more
};
Result<ShimReply> decode_reply(Bytes body);

/// Checks the id, the phase, and of an exited object its exit record.
Result<shim::ObjectState> decode_object_state(Bytes body);

/// A fixed struct from the start of `body`.
template <class T>
Result<T> decode_struct(Bytes body) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (body.size() < sizeof(T)) return Error(Code::kInternal, "the shim's answer is too short");
  T value;
  std::memcpy(&value, body.data(), sizeof(T));
  return value;
}

std::vector<std::byte> encode_message(shim::Type type, std::uint64_t seq, Bytes body);

template <class T>
Bytes bytes_of(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return std::as_bytes(std::span(&value, 1));
}

/// 64 lower-case hex digits; kInvalidArgument otherwise.
Result<shim::ObjectId> object_id(const std::string& id);
std::string text_of(const shim::ObjectId& id);

}  // namespace berth::runtime
