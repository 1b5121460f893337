// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "image_layers_fixture.hpp"

namespace berth::image {
namespace {

std::string xattrs_of(const std::string& path) {
  std::array<char, 4096> names{};
  const ssize_t length = ::llistxattr(path.c_str(), names.data(), names.size());
  std::vector<std::string> found;
  for (ssize_t at = 0; at < length;) {
    const std::string name = names.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    std::array<char, 256> value{};
    const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    const std::string text(value.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
    found.push_back(cat(" ", name, "=", name == "security.capability" ? std::to_string(size) : text));
  }
  std::sort(found.begin(), found.end());
  std::string all;
  for (const std::string& one : found) all += one;
  return all;
}

std::string details_of(const std::string& path, const struct stat& status) {
  if (S_ISLNK(status.st_mode)) {
    std::array<char, 4096> target{};
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    return " -> " + std::string(target.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
  }
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
    return cat(" ", ::major(status.st_rdev), ",", ::minor(status.st_rdev));
  if (!S_ISREG(status.st_mode)) return {};
  std::string text = " \"" + read_file(path, 1 << 20).context("test")->substr(0, 40) + "\"";
  if (status.st_nlink > 1) text += cat(" links=", status.st_nlink);
  return text;
}

void describe(const std::string& root, const std::string& relative, std::vector<std::string>& lines) {
  const std::string path = root + relative;
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw std::runtime_error("stat " + path);
  const mode_t format = status.st_mode & S_IFMT;
  const char type = format == S_IFDIR   ? 'd'
                    : format == S_IFLNK ? 'l'
                    : format == S_IFCHR ? 'c'
                    : format == S_IFBLK ? 'b'
                    : format == S_IFIFO ? 'p'
                                        : 'f';
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%o", status.st_mode & 07777);
  if (!relative.empty()) {
    lines.push_back(cat(relative.substr(1), " ", type, " ", std::string_view(mode.data()), " ", status.st_uid,
                        ":", status.st_gid, details_of(path, status), xattrs_of(path)));
  }
  if (type != 'd') return;
  const auto names = list_dir(path);
  if (!names) throw std::runtime_error(names.error().to_string());
  for (const std::string& name : *names) describe(root, relative + "/" + name, lines);
}

}  // namespace

std::string describe_tree(const std::string& root) {
  std::vector<std::string> lines;
  describe(root, "", lines);
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace berth::image
