// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/criu_wire.hpp"

#include <optional>
#include <type_traits>

namespace berth::runtime::cli {
namespace {

enum WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

class Writer {
 public:
  void number(unsigned field, std::uint64_t value) {
    varint(field << 3U | kVarint);
    varint(value);
  }
  /// Absent means no.
  void flag(unsigned field, bool value) {
    if (value) number(field, 1);
  }
  void bytes(unsigned field, std::string_view value) {
    varint(field << 3U | kBytes);
    varint(value.size());
    out_.append(value);
  }
  void text(unsigned field, std::string_view value) {
    if (!value.empty()) bytes(field, value);
  }
  std::string take() { return std::move(out_); }

 private:
  void varint(std::uint64_t value) {
    for (; value > 0x7f; value >>= 7U) out_.push_back(static_cast<char>(value | 0x80U));
    out_.push_back(static_cast<char>(value));
  }
  std::string out_;
};

struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;  // of numbers
  std::string_view bytes;
};

class Reader {
 public:
  explicit Reader(std::string_view data) : rest_(data) {}

  /// Absent at the end, and when what follows is no field: then broken() tells.
  std::optional<Field> next() {
    if (rest_.empty() || broken_) return std::nullopt;
    Field field;
    const std::uint64_t key = varint();
    field.number = key >> 3U;
    switch (key & 7U) {
      case kVarint:
        field.value = varint();
        break;
      case kBytes:
        field.bytes = take(varint());
        break;
      case kFixed64:
        take(8);
        break;
      case kFixed32:
        take(4);
        break;
      default:
        broken_ = true;
    }
    if (broken_) return std::nullopt;
    return field;
  }
  bool broken() const { return broken_; }

 private:
  std::uint64_t varint() {
    constexpr unsigned kBits = 64;
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < kBits; shift += 7) {
      const std::string_view byte = take(1);
      if (broken_) return 0;
      const auto bits = static_cast<unsigned char>(byte[0]);
      value |= static_cast<std::uint64_t>(bits & 0x7fU) << shift;
      if (bits < 0x80) return value;
    }
    broken_ = true;
    return 0;
  }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) broken_ = true;
    if (broken_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool broken_ = false;
};

template <typename Value>
std::string pair(std::string_view key, const Value& value) {
  Writer out;
  out.bytes(1, key);
  if constexpr (std::is_same_v<Value, int>) {
    out.number(2, static_cast<std::uint64_t>(value));
  } else {
    out.bytes(2, value);
  }
  return out.take();
}

void write_flags(Writer& out, const CriuOptions& options) {
  out.flag(3, options.leave_running);
  out.flag(4, options.ext_unix_sockets);
  out.flag(5, options.tcp_established);
  out.flag(7, options.shell_job);
  out.flag(8, options.file_locks);
  out.flag(12, true);  // notifications
  out.flag(15, options.track_memory);
  out.flag(16, options.auto_dedup);
  out.flag(24, options.cgroups != CriuCgroups::kIgnore);
  out.flag(26, options.as_sibling);
  out.flag(46, options.tcp_skip_in_flight);
  out.flag(50, options.orphan_terminal);
  out.flag(52, options.tcp_close);
}

std::string encode(const CriuOptions& options) {
  constexpr unsigned kAllDetails = 4;
  Writer out;
  out.number(1, static_cast<std::uint64_t>(options.images_fd));
  if (options.pid != 0) out.number(2, static_cast<std::uint64_t>(options.pid));
  write_flags(out, options);
  out.number(9, kAllDetails);
  out.text(10, options.log_file);
  out.text(13, options.root);
  out.text(14, options.parent_path);
  out.number(17, static_cast<std::uint64_t>(options.work_fd));
  for (const auto& [controllers, path] : options.cgroup_roots) out.bytes(25, pair(controllers, path));
  for (const auto& [what, fd] : options.inherited) out.bytes(27, pair(what, fd));
  out.number(34, static_cast<std::uint64_t>(options.cgroups));
  for (const std::string& entry : options.external) out.bytes(37, entry);
  if (options.empty_namespaces != 0) out.number(38, options.empty_namespaces);
  out.text(44, options.freeze_cgroup);
  return out.take();
}

/// Field `wanted` of a message within the message, when it is a number.
std::optional<std::uint64_t> number_in(Field message, std::uint64_t wanted) {
  std::optional<std::uint64_t> found;
  Reader reader(message.bytes);
  while (const auto field = reader.next()) {
    if (field->number == wanted) found = field->value;
  }
  return reader.broken() ? std::nullopt : found;
}

void read_notification(Field message, CriuReply& reply) {
  Reader reader(message.bytes);
  while (const auto field = reader.next()) {
    if (field->number == 1) reply.script = field->bytes;
    if (field->number == 2) reply.pid = static_cast<pid_t>(field->value);
  }
}

}  // namespace

std::string encode_criu_request(CriuAction action, const CriuOptions& options) {
  Writer out;
  out.number(1, static_cast<std::uint64_t>(action));
  out.bytes(2, encode(options));
  return out.take();
}

std::string encode_criu_notified(bool success) {
  Writer out;
  out.number(1, static_cast<std::uint64_t>(CriuAction::kNotify));
  out.number(3, success ? 1 : 0);
  return out.take();
}

Result<CriuReply> parse_criu_reply(std::string_view packet) {
  CriuReply reply;
  bool has_action = false;
  Reader reader(packet);
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 1:
        reply.action = static_cast<CriuAction>(field->value);
        has_action = true;
        break;
      case 2:
        reply.success = field->value != 0;
        break;
      case 4:
        reply.pid = static_cast<pid_t>(number_in(*field, 1).value_or(0));
        break;
      case 5:
        read_notification(*field, reply);
        break;
      case 7:
        reply.error_number = static_cast<int>(field->value);
        break;
      case 9:
        reply.error_message = field->bytes;
        break;
      default:
        break;
    }
  }
  if (has_action && !reader.broken()) return reply;
  return Error(Code::kInternal, "CRIU said something that is none of its messages");
}

}  // namespace berth::runtime::cli
