// SPDX-License-Identifier: Apache-2.0
#include "netcni/conf_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth::netcni {
namespace {

bool is_configuration(const std::string& name) {
  return name.ends_with(".conflist") || name.ends_with(".conf") || name.ends_with(".json");
}

Result<std::string> read_configuration(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, open_at(kCwd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(errno, "stat", path);
  if (!S_ISREG(info.st_mode)) return Error(Code::kInvalidArgument, cat(path, " is not a regular file"));
  return read_fd(fd.get(), kMaxConfSize, path);
}

Result<Conflist> load(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, read_configuration(path));
  return path.ends_with(".conflist") ? parse_conflist(text, path) : parse_conf(text, path);
}

}  // namespace

ConfDirContent read_conf_dir(const std::string& dir) {
  ConfDirContent content;
  auto names = list_dir(dir);
  if (!names) {
    if (names.error().sys_errno() != ENOENT) content.skipped.push_back(names.error().to_string());
    return content;
  }
  std::sort(names->begin(), names->end());
  for (const std::string& name : *names) {
    if (!is_configuration(name)) continue;
    const std::string path = cat(dir, "/", name);
    auto list = load(path);
    if (list) {
      content.network = *std::move(list);
      content.file = path;
      return content;
    }
    content.skipped.push_back(list.error().to_string());
  }
  return content;
}

}  // namespace berth::netcni
