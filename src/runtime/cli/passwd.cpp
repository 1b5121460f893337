// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/passwd.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>

#include "base/dir.hpp"

namespace berth::runtime::cli {
namespace {

constexpr std::size_t kMaxPasswd = 1U << 20;

}  // namespace

std::string home_in(std::string_view passwd, std::uint32_t uid) {
  const std::string wanted = std::to_string(uid);
  while (!passwd.empty()) {
    std::string_view line = passwd.substr(0, passwd.find('\n'));
    passwd.remove_prefix(std::min(passwd.size(), line.size() + 1));
    std::array<std::string_view, 7> fields;  // name:password:uid:gid:comment:home:shell
    for (std::string_view& field : fields) {
      field = line.substr(0, line.find(':'));
      line.remove_prefix(std::min(line.size(), field.size() + 1));
    }
    if (fields[2] == wanted && !fields[5].empty() && fields[5].front() == '/') return std::string(fields[5]);
  }
  return "/";
}

std::string home_of(int root, std::uint32_t uid) {
  // Not blocking: an image may have anything there.
  const auto file = open_in_root(root, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file) return "/";
  const auto text = read_fd(file->get(), kMaxPasswd, "/etc/passwd");
  return text ? home_in(*text, uid) : "/";
}

}  // namespace berth::runtime::cli
