// SPDX-License-Identifier: Apache-2.0
#include "image/tar_reader.hpp"

#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "tar_builder.hpp"

namespace berth::image {
namespace {

using testing::TarBuilder;
using testing::TarMember;

/// Everything a reader yields, as text: one line per entry, or the error as the last one.
std::string read_all(const std::string& tar, std::size_t piece = SIZE_MAX) {
  MemorySource source(tar, piece);
  TarReader reader(source);
  std::string out;
  while (true) {
    auto entry = reader.next();
    if (!entry) return out + "error: " + entry.error().to_string() + "\n";
    if (*entry == nullptr) return out;
    const TarEntry& e = **entry;
    out += cat(e.name, "|", static_cast<int>(e.type), "|", e.link, "|", e.mode, "|", e.uid, ":", e.gid, "|",
               e.size, "|", e.mtime_s, ".", e.mtime_ns, "|", e.dev_major, ",", e.dev_minor);
    for (const auto& [name, value] : e.xattrs) out += cat("|", name, "=", value);
    out += "|";
    while (true) {
      auto data = reader.content();
      if (!data) return out + "error: " + data.error().to_string() + "\n";
      if (data->empty()) break;
      out.append(reinterpret_cast<const char*>(data->data()), data->size());
    }
    out += "\n";
  }
}

bool fails(const std::string& tar, const std::string& with) {
  return read_all(tar).find("error: " + with) != std::string::npos;
}

TEST_CASE("an empty byte string is an empty archive", "[image][tar]") {
  CHECK(read_all("").empty());
}

TEST_CASE("an archive may end without its blocks of zeros, but not inside an entry", "[image][tar]") {
  TarBuilder tar;
  tar.add({.name = "a", .data = std::string(600, 'x')});
  const std::string whole = tar.bytes();
  CHECK(read_all(whole).find("error") == std::string::npos);
  for (const std::size_t cut : {1UL, 511UL, 513UL, 1100UL, 1112UL, 1535UL}) {
    INFO("cut at " << cut);
    CHECK(fails(whole.substr(0, cut), "") == (cut != 0));
  }
}

TEST_CASE("what follows the end of the archive is not looked at", "[image][tar]") {
  TarBuilder tar;
  tar.add({.name = "a"}).end().raw("garbage");
  CHECK(read_all(tar.bytes()) == "a|0||420|0:0|0|1000000000.0|0,0|\n");
}

TEST_CASE("a lone block of zeros between entries is refused", "[image][tar]") {
  TarBuilder tar;
  tar.add({.name = "a"}).raw(std::string(512, '\0')).add({.name = "b"});
  CHECK(fails(tar.bytes(), "tar archive: a single block of zeros"));
}

TEST_CASE("a wrong checksum is refused, one over signed characters is not", "[image][tar]") {
  std::string block = TarBuilder::make_header({.name = "\xc3\xa9"});
  TarBuilder::seal(block);
  std::string broken = block;
  broken[0] = 'x';
  CHECK(fails(broken, "tar header: the checksum does not match"));
  block.replace(148, 8, 8, ' ');
  int sum = 0;
  for (const char c : block) sum += static_cast<signed char>(c);
  char text[8];
  std::snprintf(text, sizeof(text), "%06o", static_cast<unsigned>(sum));
  block.replace(148, 8, std::string(text, 6) + std::string("\0 ", 2));
  CHECK(read_all(block).starts_with("\xc3\xa9|0|"));
}

TEST_CASE("pax records override the header, whatever the order of size and content", "[image][tar]") {
  TarBuilder tar;
  tar.add({.name = "short",
           .data = "12345",
           .pax = {{"path", "long/name"},
                   {"uid", "3000000000"},
                   {"gid", "5"},
                   {"mtime", "-12.25"},
                   {"SCHILY.xattr.user.a", "b"},
                   {"LIBARCHIVE.xattr.user.c%20d", "ZWY="},
                   {"comment", "no"}}});
  CHECK(read_all(tar.bytes()) ==
        "long/name|0||420|3000000000:5|5|-13.750000000|0,0|user.a=b|user.c d=ef|12345\n");
}

TEST_CASE("malformed pax records are refused", "[image][tar]") {
  for (const std::string body :
       {"x", "5", "0 a=b\n", "99 a=b\n", "5 a=b\n", "7 a=b\nx", "5 =b\n", "6 abc\n",
        "18446744073709551616 a=b\n", "10 uid=-1\n", "10 size=x\n", "13 mtime=1.x\n"}) {
    INFO(body);
    TarBuilder tar;
    tar.pax_header(body).add({.name = "a"});
    CHECK(fails(tar.bytes(), "pax header: "));
  }
  TarBuilder nul;
  nul.pax_header(TarBuilder::record("path", std::string("a\0b", 3))).add({.name = "a"});
  CHECK(fails(nul.bytes(), "pax header: path contains a NUL"));
}

TEST_CASE("an empty pax value takes the record back", "[image][tar]") {
  TarBuilder tar;
  tar.add({.name = "header", .pax = {{"path", "first"}, {"path", ""}, {"uid", ""}}});
  CHECK(read_all(tar.bytes()).starts_with("header|"));
}

TEST_CASE("a hundred thousand pax records are read, more than a mebibyte is not", "[image][tar]") {
  std::string body;
  for (int i = 0; i < 100000; ++i) body += "8 k" + std::to_string(10 + i % 90) + "=v\n";
  TarBuilder good;
  good.pax_header(body).add({.name = "a"});
  CHECK(read_all(good.bytes()).starts_with("a|"));
  TarBuilder bad;
  bad.pax_header(body + std::string(300000, 'x')).add({.name = "a"});
  CHECK(fails(bad.bytes(), "tar archive: an extension header of 1100000 bytes"));
}

TEST_CASE("a GNU long name that claims a gibibyte is refused without reading it", "[image][tar]") {
  std::string block = TarBuilder::make_header({.name = "././@LongLink", .type = 'L', .gnu = true});
  block.replace(124, 11, "10000000000");
  TarBuilder::seal(block);
  CHECK(fails(block, "tar archive: an extension header of 1073741824 bytes"));
}

TEST_CASE("GNU long names and links apply to the next entry only", "[image][tar]") {
  const std::string name(300, 'n');
  const std::string link(200, 'l');
  TarBuilder tar;
  tar.add({.name = "././@LongLink", .type = 'L', .data = name + '\0', .gnu = true});
  tar.add({.name = "././@LongLink", .type = 'K', .data = link + '\0', .gnu = true});
  tar.add({.name = "x", .type = '2', .link = "y", .gnu = true}).add({.name = "next", .gnu = true}).end();
  CHECK(read_all(tar.bytes()) ==
        cat(name, "|2|", link, "|420|0:0|0|1000000000.0|0,0|\nnext|0||420|0:0|0|1000000000.0|0,0|\n"));
}

TEST_CASE("an extension header without its entry is refused", "[image][tar]") {
  TarBuilder tar;
  tar.pax_header("7 a=bc\n").end();
  CHECK(fails(tar.bytes(), "tar archive: an extension header without its entry"));
}

TEST_CASE("global headers are skipped", "[image][tar]") {
  TarBuilder tar;
  tar.pax_header("15 path=global\n", 'g').add({.name = "a"});
  CHECK(read_all(tar.bytes()).starts_with("a|"));
}

TEST_CASE("ustar prefixes are joined, GNU's other use of the field is not", "[image][tar]") {
  std::string ustar = TarBuilder::make_header({.name = "b"});
  std::string gnu = TarBuilder::make_header({.name = "b", .gnu = true});
  for (std::string* block : {&ustar, &gnu}) {
    block->replace(345, 1, "a");
    TarBuilder::seal(*block);
  }
  CHECK(read_all(ustar).starts_with("a/b|"));
  CHECK(read_all(gnu).starts_with("b|"));
}

TEST_CASE("numbers are octal or base-256, and never silently cut", "[image][tar]") {
  CHECK(parse_tar_number("0000644") == 0644);
  CHECK(parse_tar_number(std::string(" 17 \0", 5)) == 15);
  CHECK(parse_tar_number(std::string(8, '\0')) == 0);
  CHECK_FALSE(parse_tar_number("8"));
  CHECK_FALSE(parse_tar_number("1 2"));
  CHECK_FALSE(parse_tar_number("-1"));
  CHECK(parse_tar_number(std::string("\x80\0\0\0\0\0\1\0", 8)) == 256);
  CHECK(parse_tar_number(std::string("\xff\xff\xff\xff\xff\xff\xff\xfe", 8)) == -2);
  CHECK(parse_tar_number(std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)) == INT64_MAX);
  CHECK_FALSE(parse_tar_number(std::string("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12)));
  CHECK_FALSE(parse_tar_number(std::string("\x80\1\0\0\0\0\0\0\0\0\0\0", 12)));
}

TEST_CASE("IDs and device numbers that no kernel has are refused", "[image][tar]") {
  for (const auto& [key, value] : {std::pair{"uid", "4294967295"}, std::pair{"gid", "99999999999"}}) {
    TarBuilder tar;
    tar.add({.name = "a", .pax = {{key, value}}});
    CHECK(fails(tar.bytes(), "tar archive: the "));
  }
  TarBuilder device;
  device.add({.name = "a", .type = '3', .major = 70000});
  CHECK(fails(device.bytes(), "tar archive: the device number"));
}

TEST_CASE("sparse files and exotic entries are refused by name", "[image][tar]") {
  for (const char type : {'D', 'M', 'V', 'N', 'A', '9'}) {
    TarBuilder tar;
    tar.add({.name = "a", .type = type});
    CHECK(fails(tar.bytes(), "tar archive: entry type number"));
  }
  TarBuilder old;
  old.add({.name = "a", .type = 'S', .gnu = true});
  CHECK(fails(old.bytes(), "tar archive: sparse files"));
  TarBuilder pax;
  pax.add({.name = "a", .pax = {{"GNU.sparse.major", "1"}}});
  CHECK(fails(pax.bytes(), "tar archive: sparse files"));
}

TEST_CASE("a file whose name ends in a slash is a directory, and only files have content", "[image][tar]") {
  TarBuilder tar;
  tar.add({.name = "d/"});
  std::string link = TarBuilder::make_header({.name = "l", .type = '1', .link = "d"});
  link.replace(124, 11, "00000000777");
  TarBuilder::seal(link);
  tar.raw(link).add({.name = "e"});
  CHECK(read_all(tar.bytes()) ==
        "d/"
        "|5||420|0:0|0|1000000000.0|0,0|\nl|1|d|420|0:0|0|1000000000.0|0,0|\ne|0||420|0:0|0|1000000000.0|0,0|"
        "\n");
}

TEST_CASE("names beyond the kernel's limit are refused", "[image][tar]") {
  TarBuilder tar;
  tar.add({.name = "a", .pax = {{"path", std::string(4096, 'x')}}});
  CHECK(fails(tar.bytes(), "tar archive: a name is longer than 4095 bytes"));
}

TEST_CASE("an archive read in any pieces is the same archive", "[image][tar]") {
  TarBuilder tar;
  tar.add(
      {.name = "a", .data = std::string(1500, 'a'), .pax = {{"path", "p"}, {"SCHILY.xattr.user.x", "1"}}});
  tar.add({.name = "b/", .type = '5'}).add({.name = "c", .type = '2', .link = "b"}).end().raw("tail");
  const std::string whole = read_all(tar.bytes());
  for (const std::size_t piece : {1UL, 2UL, 511UL, 512UL, 513UL, 1000UL})
    CHECK(read_all(tar.bytes(), piece) == whole);
}

}  // namespace
}  // namespace berth::image
