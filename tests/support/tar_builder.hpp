// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace berth::testing {

/// One archive member for TarBuilder, ustar unless `gnu`.
struct TarMember {
  std::string name;
  char type = '0';
  std::string data = {};
  std::string link = {};
  unsigned mode = 0644;
  unsigned uid = 0, gid = 0;
  long mtime = 1000000000;
  unsigned major = 0, minor = 0;
  std::vector<std::pair<std::string, std::string>> pax = {};
  bool gnu = false;
};

/// Writes tar archives byte by byte, the malformed ones too.
class TarBuilder {
 public:
  TarBuilder& add(const TarMember& member) {
    if (!member.pax.empty()) pax_header(records(member.pax));
    std::string header = make_header(member);
    seal(header);
    return raw(header).payload(member.data);
  }
  TarBuilder& pax_header(const std::string& body, char type = 'x') {
    return add({.name = "pax", .type = type, .data = body});
  }
  TarBuilder& raw(const std::string& bytes) {
    bytes_ += bytes;
    return *this;
  }
  TarBuilder& end() { return raw(std::string(1024, '\0')); }
  const std::string& bytes() const { return bytes_; }

  static std::string make_header(const TarMember& member) {
    std::string block(512, '\0');
    put(block, 0, member.name.substr(0, 100));
    put(block, 100, octal(member.mode, 7));
    put(block, 108, octal(member.uid, 7));
    put(block, 116, octal(member.gid, 7));
    put(block, 124, octal(member.data.size(), 11));
    put(block, 136, octal(static_cast<unsigned long>(member.mtime), 11));
    block[156] = member.type;
    put(block, 157, member.link.substr(0, 100));
    put(block, 257, member.gnu ? std::string("ustar  \0", 8) : std::string("ustar\00000", 8));
    put(block, 329, octal(member.major, 7));
    put(block, 337, octal(member.minor, 7));
    return block;
  }
  /// Writes the checksum of what is there now.
  static void seal(std::string& block) {
    block.replace(148, 8, 8, ' ');
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put(block, 148, octal(sum, 6) + std::string("\0 ", 2));
  }
  static std::string record(const std::string& key, const std::string& value) {
    const std::string body = " " + key + "=" + value + "\n";
    std::size_t length = body.size();
    while (std::to_string(length).size() + body.size() != length)
      length = std::to_string(length).size() + body.size();
    return std::to_string(length) + body;
  }
  static std::string records(const std::vector<std::pair<std::string, std::string>>& all) {
    std::string text;
    for (const auto& [key, value] : all) text += record(key, value);
    return text;
  }

 private:
  TarBuilder& payload(const std::string& data) {
    return raw(data).raw(std::string((512 - data.size() % 512) % 512, '\0'));
  }
  static void put(std::string& block, std::size_t at, const std::string& text) {
    block.replace(at, text.size(), text);
  }
  static std::string octal(unsigned long value, int digits) {
    char text[32];
    std::snprintf(text, sizeof(text), "%0*lo", digits, value);
    return text;
  }
  std::string bytes_;
};

/// A whole archive.
inline std::string tar_of(const std::vector<TarMember>& members) {
  TarBuilder tar;
  for (const TarMember& member : members) tar.add(member);
  return tar.end().bytes();
}

}  // namespace berth::testing
