// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/control_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/unique_fd.hpp"
#include "runtime/cgroup/group_path.hpp"

namespace berth::runtime::cgroup {

Result<std::string> read_control(int root_fd, std::string_view group, std::string_view file) {
  constexpr std::size_t kLimit = 256U << 10U;
  const std::string subject = cat(file, " of cgroup ", group);
  UniqueFd fd(::openat(root_fd, below_root(group, file).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return Error::from_errno(errno, "read", subject);
  ASSIGN_OR_RETURN(std::string text, read_fd(fd.get(), kLimit, subject));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Result<void> write_control(int root_fd, std::string_view group, std::string_view file,
                           std::string_view value) {
  // O_TRUNC means nothing to the kernel here; it makes a directory of plain files behave alike.
  UniqueFd fd(
      ::openat(root_fd, below_root(group, file).c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW));
  const std::string_view bytes = value.empty() ? std::string_view("\n") : value;
  if (!fd || ::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    return Error::from_errno(errno, "write", cat('"', value, "\" to ", file, " of cgroup ", group));
  }
  return {};
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(" \t\n");
    if (end != 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

std::string_view ControlReader::read(int root_fd, std::string_view group, std::string_view file) {
  while (!group.empty() && group.front() == '/') group.remove_prefix(1);
  std::array<char, PATH_MAX> path;
  if (group.size() + file.size() + 2 > path.size()) return {};
  char* end = std::copy(group.begin(), group.end(), path.data());
  if (!group.empty()) *end++ = '/';
  end = std::copy(file.begin(), file.end(), end);
  *end = '\0';
  const UniqueFd fd(::openat(root_fd, path.data(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return {};
  const ssize_t got = ::read(fd.get(), buffer_.data(), buffer_.size());
  return {buffer_.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

}  // namespace berth::runtime::cgroup
