// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/user.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth::daemon {
namespace {

constexpr std::size_t kFileLimit = 10 << 20;
constexpr std::size_t kLineLimit = 1 << 16;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

/// Strict: digits only, no partial parse, at most 2^31-1.
std::optional<std::uint32_t> parse_id(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > 0x7fffffff) return std::nullopt;
  return value;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// Absent is an empty file: many images have neither.
Result<std::string> read_in_root(int rootfs_fd, const std::string& path) {
  // Looked at before it is opened: an image may hold a FIFO or a device node of that name.
  auto place = open_in_root(rootfs_fd, path, O_PATH);
  if (!place) {
    const int err = place.error().sys_errno();
    if (err == ENOENT || err == ENOTDIR) return std::string();
    return std::move(place).error();
  }
  struct stat info {};
  if (::fstat(place->get(), &info) != 0) return Error::from_errno(errno, "stat", path);
  if (!S_ISREG(info.st_mode))
    return Error(Code::kInvalidArgument, cat(path, " of the image is not a regular file"));
  ASSIGN_OR_RETURN(const UniqueFd file, open_at(kCwd, cat("/proc/self/fd/", place->get()), O_RDONLY));
  return read_fd(file.get(), kFileLimit, path);
}

struct UserWord {
  std::string user, group;
};

UserWord choose_user(const std::string& image_user, const cri::LinuxContainerSecurityContext& security) {
  UserWord word;
  if (!security.run_as_username().empty()) {
    word.user = security.run_as_username();
  } else if (security.has_run_as_user()) {
    word.user = std::to_string(security.run_as_user().value());
  } else {
    const auto colon = image_user.find(':');
    word.user = image_user.substr(0, colon);
    if (colon != std::string::npos) word.group = image_user.substr(colon + 1);
  }
  if (security.has_run_as_group()) word.group = std::to_string(security.run_as_group().value());
  return word;
}

Result<std::uint32_t> resolve_group(const std::string& word, const std::vector<GroupEntry>& groups) {
  if (is_number(word)) {
    if (auto id = parse_id(word)) return *id;
    return Error(Code::kInvalidArgument, cat("group ID ", word, " is above 2147483647"));
  }
  for (const auto& group : groups) {
    if (group.name == word) return group.gid;
  }
  return Error(Code::kInvalidArgument, cat("group \"", word, "\" is not in the image's /etc/group"));
}

}  // namespace

std::vector<PasswdEntry> parse_passwd(std::string_view text) {
  std::vector<PasswdEntry> entries;
  for (const auto line : split(text, '\n')) {
    if (line.empty() || line.size() > kLineLimit) continue;
    const auto fields = split(line, ':');
    if (fields.size() < 6) continue;
    const auto uid = parse_id(fields[2]);
    const auto gid = parse_id(fields[3]);
    if (!uid || !gid || fields[0].empty() || !is_clean(fields[5])) continue;
    entries.push_back({std::string(fields[0]), *uid, *gid, std::string(fields[5])});
  }
  return entries;
}

std::vector<GroupEntry> parse_group(std::string_view text) {
  std::vector<GroupEntry> entries;
  for (const auto line : split(text, '\n')) {
    if (line.empty() || line.size() > kLineLimit) continue;
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    const auto gid = parse_id(fields[2]);
    if (!gid || fields[0].empty()) continue;
    GroupEntry entry{std::string(fields[0]), *gid, {}};
    if (fields.size() > 3) {
      for (const auto member : split(fields[3], ',')) {
        if (!member.empty()) entry.members.emplace_back(member);
      }
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<ResolvedUser> resolve_user(int rootfs_fd, const std::string& image_user,
                                  const cri::LinuxContainerSecurityContext& security) {
  ASSIGN_OR_RETURN(const std::string passwd_text, read_in_root(rootfs_fd, "/etc/passwd"));
  ASSIGN_OR_RETURN(const std::string group_text, read_in_root(rootfs_fd, "/etc/group"));
  const auto passwd = parse_passwd(passwd_text);
  const auto groups = parse_group(group_text);
  const UserWord word = choose_user(image_user, security);

  ResolvedUser user;
  std::optional<PasswdEntry> entry;
  if (word.user.empty() || is_number(word.user)) {
    const auto id = parse_id(word.user.empty() ? "0" : word.user);
    if (!id) return Error(Code::kInvalidArgument, cat("user ID ", word.user, " is above 2147483647"));
    user.uid = *id;
    for (const auto& candidate : passwd) {
      if (candidate.uid == user.uid) {
        entry = candidate;
        break;
      }
    }
  } else {
    for (const auto& candidate : passwd) {
      if (candidate.name == word.user) {
        entry = candidate;
        break;
      }
    }
    if (!entry)
      return Error(Code::kInvalidArgument, cat("user \"", word.user, "\" is not in the image's /etc/passwd"));
    user.uid = entry->uid;
  }
  if (entry) {
    user.gid = entry->gid;
    if (!entry->home.empty()) user.home = entry->home;
  }
  if (!word.group.empty()) {
    ASSIGN_OR_RETURN(user.gid, resolve_group(word.group, groups));
  }

  user.groups.push_back(user.gid);
  auto add = [&](std::uint32_t gid) {
    if (std::find(user.groups.begin(), user.groups.end(), gid) == user.groups.end())
      user.groups.push_back(gid);
  };
  if (entry && security.supplemental_groups_policy() == cri::Merge) {
    for (const auto& group : groups) {
      if (std::find(group.members.begin(), group.members.end(), entry->name) != group.members.end())
        add(group.gid);
    }
  }
  for (const auto gid : security.supplemental_groups()) add(static_cast<std::uint32_t>(gid));
  return user;
}

}  // namespace berth::daemon
