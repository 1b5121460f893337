// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

/// The part of D-Bus's wire format (specification, "Message Protocol") that calls to systemd are made
/// of, in this machine's byte order. What arrives is bounded and checked; only the fields of the header
/// that we look at are kept.
namespace berth::runtime::cgroup {

/// Appends values as they are in a message: each aligned to its size, from the start of the message
/// or of its body, which is aligned to 8.
class DbusWriter {
 public:
  void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void number32(std::uint32_t value) { raw(&value, sizeof value); }
  void number64(std::uint64_t value) { raw(&value, sizeof value); }
  /// Types "s" and "o".
  void string(std::string_view text);
  /// Type "g"; at most 255 bytes.
  void signature(std::string_view text);
  void align(std::size_t to) { bytes_.append((to - bytes_.size() % to) % to, '\0'); }
  /// An array's length goes before its elements, and is known after them.
  std::size_t open_array(std::size_t element_alignment);
  void close_array(std::size_t opened);

  const std::string& bytes() const { return bytes_; }

 private:
  void raw(const void* value, std::size_t size);

  std::string bytes_;
};

/// Takes them out again. After the first one that is not there or not right all others are empty, too.
class DbusReader {
 public:
  explicit DbusReader(std::string_view bytes) : bytes_(bytes) {}
  std::uint8_t byte();
  std::uint32_t number32();
  std::string_view string();
  std::string_view signature();
  void skip(std::size_t count);
  void align(std::size_t to) { skip((to - at_ % to) % to); }
  /// One value of a basic type; of others we cannot know where they end.
  void skip_basic(char type);
  std::size_t at() const { return at_; }
  bool failed() const { return failed_; }

 private:
  std::string_view take(std::size_t count);

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

struct DbusCall {
  std::string_view destination, path, interface, member;
  std::string_view signature;  ///< of `body`
  DbusWriter body;
};
std::string marshal(const DbusCall& call, std::uint32_t serial);

struct DbusMessage {
  enum class Kind : std::uint8_t { kCall = 1, kReturn = 2, kError = 3, kSignal = 4 };
  Kind kind = Kind::kCall;
  std::uint32_t reply_to = 0;
  std::string interface, member, error, signature;
  std::string body;
};

/// How long the message is that begins with `start`; absent: more of it has to be there to tell.
/// kInternal for what is no message, or a longer one than systemd sends.
Result<std::optional<std::size_t>> message_size(std::string_view start);
/// Exactly one message.
Result<DbusMessage> parse_message(std::string_view bytes);

}  // namespace berth::runtime::cgroup
