// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/dbus_message.hpp"

#include <bit>
#include <cstring>

namespace berth::runtime::cgroup {
namespace {

constexpr char kByteOrder = std::endian::native == std::endian::little ? 'l' : 'B';
constexpr std::uint8_t kProtocol = 1;
constexpr std::size_t kFixedHeader = 16;       // with the length of the array of fields
constexpr std::size_t kMaxMessage = 4U << 20;  // the specification's 128 MiB are for others

enum Field : std::uint8_t {
  kPath = 1,
  kInterface = 2,
  kMember = 3,
  kErrorName = 4,
  kReplySerial = 5,
  kDestination = 6,
  kSignature = 8
};

constexpr std::size_t round_up(std::size_t size) {
  return (size + 7) / 8 * 8;
}

void put_field(DbusWriter& out, Field field, char type, std::string_view text) {
  if (text.empty()) return;
  out.align(8);
  out.byte(field);
  out.signature({&type, 1});
  if (type == 'g') return out.signature(text);
  out.string(text);
}

Error no_message() {
  return {Code::kInternal, "systemd sent something that is no D-Bus message"};
}

void read_field(DbusReader& in, DbusMessage& out) {
  in.align(8);
  const std::uint8_t field = in.byte();
  const std::string_view type = in.signature();
  if (type == "s" && field == kInterface) {
    out.interface = in.string();
  } else if (type == "s" && field == kMember) {
    out.member = in.string();
  } else if (type == "s" && field == kErrorName) {
    out.error = in.string();
  } else if (type == "u" && field == kReplySerial) {
    out.reply_to = in.number32();
  } else if (type == "g" && field == kSignature) {
    out.signature = in.signature();
  } else {
    in.skip_basic(type.size() == 1 ? type.front() : '\0');
  }
}

}  // namespace

void DbusWriter::raw(const void* value, std::size_t size) {
  align(size);
  bytes_.append(static_cast<const char*>(value), size);
}

void DbusWriter::string(std::string_view text) {
  number32(static_cast<std::uint32_t>(text.size()));
  bytes_.append(text).push_back('\0');
}

void DbusWriter::signature(std::string_view text) {
  byte(static_cast<std::uint8_t>(text.size()));
  bytes_.append(text).push_back('\0');
}

std::size_t DbusWriter::open_array(std::size_t element_alignment) {
  number32(0);
  const std::size_t opened = bytes_.size() - sizeof(std::uint32_t);
  align(element_alignment);
  // The gap before the first element does not count.
  const auto gap = static_cast<std::uint32_t>(bytes_.size() - opened);
  std::memcpy(bytes_.data() + opened, &gap, sizeof gap);
  return opened;
}

void DbusWriter::close_array(std::size_t opened) {
  std::uint32_t gap = 0;
  std::memcpy(&gap, bytes_.data() + opened, sizeof gap);
  const auto length = static_cast<std::uint32_t>(bytes_.size() - opened) - gap;
  std::memcpy(bytes_.data() + opened, &length, sizeof length);
}

std::string_view DbusReader::take(std::size_t count) {
  if (failed_ || count > bytes_.size() - at_) {
    failed_ = true;
    return {};
  }
  at_ += count;
  return bytes_.substr(at_ - count, count);
}

void DbusReader::skip(std::size_t count) {
  (void)take(count);
}

std::uint8_t DbusReader::byte() {
  const std::string_view one = take(1);
  return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one.front());
}

std::uint32_t DbusReader::number32() {
  std::uint32_t value = 0;
  align(sizeof value);
  if (const std::string_view bytes = take(sizeof value); !bytes.empty())
    std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string_view DbusReader::string() {
  const std::string_view text = take(number32());
  if (byte() != 0) failed_ = true;
  return failed_ ? std::string_view() : text;
}

std::string_view DbusReader::signature() {
  const std::string_view text = take(byte());
  if (byte() != 0) failed_ = true;
  return failed_ ? std::string_view() : text;
}

void DbusReader::skip_basic(char type) {
  const std::string_view one = "y", two = "nq", four = "buih", eight = "xtd", strings = "so";
  const auto skip_aligned = [this](std::size_t size) {
    align(size);
    skip(size);
  };
  if (type == '\0') failed_ = true;
  if (one.find(type) != std::string_view::npos) return skip(1);
  if (two.find(type) != std::string_view::npos) return skip_aligned(2);
  if (four.find(type) != std::string_view::npos) return skip_aligned(4);
  if (eight.find(type) != std::string_view::npos) return skip_aligned(8);
  if (strings.find(type) != std::string_view::npos) {
    (void)string();
  } else if (type == 'g') {
    (void)signature();
  } else {
    failed_ = true;
  }
}

std::string marshal(const DbusCall& call, std::uint32_t serial) {
  DbusWriter out;
  out.byte(static_cast<std::uint8_t>(kByteOrder));
  out.byte(static_cast<std::uint8_t>(DbusMessage::Kind::kCall));
  out.byte(0);  // flags
  out.byte(kProtocol);
  out.number32(static_cast<std::uint32_t>(call.body.bytes().size()));
  out.number32(serial);
  const std::size_t fields = out.open_array(8);
  put_field(out, kPath, 'o', call.path);
  put_field(out, kInterface, 's', call.interface);
  put_field(out, kMember, 's', call.member);
  put_field(out, kDestination, 's', call.destination);
  put_field(out, kSignature, 'g', call.signature);
  out.close_array(fields);
  out.align(8);
  return out.bytes() + call.body.bytes();
}

Result<std::optional<std::size_t>> message_size(std::string_view start) {
  if (start.size() < kFixedHeader) return std::optional<std::size_t>();
  DbusReader in(start);
  const bool ours = static_cast<char>(in.byte()) == kByteOrder;
  in.skip(2);
  if (!ours || in.byte() != kProtocol) return no_message();
  const std::size_t body = in.number32();
  in.skip(sizeof(std::uint32_t));
  const std::size_t fields = in.number32();
  if (body > kMaxMessage || fields > kMaxMessage) return no_message();
  return std::optional(round_up(kFixedHeader + fields) + body);
}

Result<DbusMessage> parse_message(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto size, message_size(bytes));
  if (!size || *size != bytes.size()) return no_message();
  DbusReader in(bytes.substr(0, kFixedHeader));
  in.skip(1);
  DbusMessage message;
  message.kind = static_cast<DbusMessage::Kind>(in.byte());
  in.skip(10);
  const std::size_t end = kFixedHeader + in.number32();
  DbusReader fields(bytes.substr(0, end));
  fields.skip(kFixedHeader);
  while (fields.at() < end && !fields.failed()) read_field(fields, message);
  if (fields.failed()) return no_message();
  message.body = bytes.substr(round_up(end));
  return message;
}

}  // namespace berth::runtime::cgroup
