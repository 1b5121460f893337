// SPDX-License-Identifier: Apache-2.0
#include "runtime/mount_options.hpp"

#include <linux/mount.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/cat.hpp"

namespace berth::runtime {
namespace {

struct Attribute {
  std::string_view word;
  std::uint64_t set;
  std::uint64_t clear;
};

// Each word also exists with an "r" in front for the whole tree. The atime modes are one
// enumeration, not bits: the kernel wants all of MOUNT_ATTR__ATIME cleared when it changes.
constexpr Attribute kAttributes[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    // Without a mode of its own the kernel keeps relative access times.
    {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
};

// Properties of the file system itself: no matter to a bind, which shares it with its source.
struct Superblock {
  std::string_view word;
  std::string_view removes;  ///< the opposite that an earlier option may have added
  bool adds;
};
constexpr Superblock kSuperblock[] = {
    {"sync", "", true},        {"async", "sync", false},          {"dirsync", "", true},
    {"lazytime", "", true},    {"nolazytime", "lazytime", false}, {"mand", "", true},
    {"nomand", "mand", false},
};

// Versions of inodes are kept by every file system that has them, since Linux 4.16 without a word.
constexpr std::string_view kWithoutEffect[] = {"defaults", "loud",     "silent",    "acl",
                                               "noacl",    "iversion", "noiversion"};
// An extension of crun's: mappings in the option itself, and a link in the place of what it points to.
constexpr std::string_view kUnsupported[] = {"copy-symlink"};

const Attribute* find_attribute(std::string_view word) {
  const auto* found = std::find_if(std::begin(kAttributes), std::end(kAttributes),
                                   [&](const Attribute& entry) { return entry.word == word; });
  return found == std::end(kAttributes) ? nullptr : found;
}

void apply(const Attribute& entry, std::uint64_t& set, std::uint64_t& clear) {
  set = (set & ~entry.clear) | entry.set;
  // A bit that is set again must not be cleared as well, except the atime field, which the
  // kernel replaces as a whole.
  clear = (clear & ~(entry.set & ~std::uint64_t{MOUNT_ATTR__ATIME})) | entry.clear;
}

bool apply_attribute(std::string_view word, MountOptions& out) {
  if (const Attribute* entry = find_attribute(word)) {
    apply(*entry, out.set, out.clear);
    return true;
  }
  if (word.size() < 2 || word.front() != 'r') return false;
  const Attribute* entry = find_attribute(word.substr(1));
  if (entry == nullptr) return false;
  apply(*entry, out.recursive_set, out.recursive_clear);
  // The whole includes the top, so an earlier word about the top alone is overridden.
  const std::uint64_t touched = entry->set | entry->clear;
  out.set &= ~touched;
  out.clear &= ~touched;
  return true;
}

bool apply_extra(std::string_view word, MountOptions& out) {
  if (word == "idmap" || word == "ridmap") {
    out.id_mapped = true;
    out.id_mapped_tree = word == "ridmap";
  } else if (word == "tmpcopyup") {
    out.copy_up = true;
  } else if (word == "src-nofollow") {
    out.follow_source = false;
  } else if (word == "dest-nofollow") {
    out.follow_destination = false;
  } else {
    return false;
  }
  return true;
}

bool apply_superblock(std::string_view word, bool is_bind, MountOptions& out) {
  for (const Superblock& entry : kSuperblock) {
    if (entry.word != word) continue;
    if (is_bind) return true;
    const std::string_view subject = entry.adds ? entry.word : entry.removes;
    std::erase(out.data, subject);
    if (entry.adds) out.data.emplace_back(subject);
    return true;
  }
  return false;
}

template <std::size_t N>
bool contains(const std::string_view (&words)[N], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// A later "key=value" replaces an earlier one, as in mount(8).
void add_data(const std::string& option, std::vector<std::string>& data) {
  const auto equals = option.find('=');
  if (equals != std::string::npos) {
    const std::string_view key = std::string_view(option).substr(0, equals + 1);
    std::erase_if(data,
                  [&](const std::string& old) { return std::string_view(old).substr(0, key.size()) == key; });
  }
  data.push_back(option);
}

Result<void> apply_option(const std::string& option, bool is_bind, MountOptions& out) {
  if (option.find('\0') != std::string::npos) {
    return Error(Code::kInvalidArgument, "a mount option contains a NUL byte");
  }
  const std::string_view word = std::string_view(option).substr(0, option.find('='));
  const bool mapped_inline = word.size() < option.size() && (word == "idmap" || word == "ridmap");
  if (mapped_inline || contains(kUnsupported, word))
    return Error(Code::kInvalidArgument, cat("mount option ", option, " is not supported"));
  if (option.empty() || contains(kWithoutEffect, option)) return {};
  if (option == "bind" || option == "rbind") {
    out.bind = true;
    out.recursive_bind = option == "rbind";
    return {};
  }
  if (option == "remount") {
    out.remount = true;
    return {};
  }
  if (parse_propagation(option, out.propagation, out.propagation_recursive)) return {};
  if (apply_extra(option, out)) return {};
  if (apply_attribute(option, out) || apply_superblock(option, is_bind, out)) return {};
  if (is_bind)
    return Error(Code::kInvalidArgument,
                 cat("mount option ", option, " is unknown and a bind mount takes no data"));
  add_data(option, out.data);
  return {};
}

}  // namespace

bool parse_propagation(std::string_view word, std::uint64_t& flag, bool& recursive) {
  struct Kind {
    std::string_view word;
    std::uint64_t flag;
  };
  constexpr Kind kKinds[] = {
      {"shared", MS_SHARED}, {"slave", MS_SLAVE}, {"private", MS_PRIVATE}, {"unbindable", MS_UNBINDABLE}};
  for (const Kind& kind : kKinds) {
    const bool whole_tree =
        word.size() == kind.word.size() + 1 && word.front() == 'r' && word.substr(1) == kind.word;
    if (word != kind.word && !whole_tree) continue;
    flag = kind.flag;
    recursive = whole_tree;
    return true;
  }
  return false;
}

std::string_view format_propagation(std::uint64_t flag) {
  if (flag & MS_SHARED) return "shared";
  if (flag & MS_SLAVE) return "slave";
  if (flag & MS_PRIVATE) return "private";
  if (flag & MS_UNBINDABLE) return "unbindable";
  return "unchanged";
}

Result<MountOptions> parse_mount_options(const std::vector<std::string>& options, bool is_bind) {
  for (const std::string& option : options) is_bind = is_bind || option == "bind" || option == "rbind";
  MountOptions out;
  out.bind = is_bind;
  for (const std::string& option : options) RETURN_IF_ERROR(apply_option(option, is_bind, out));
  if (out.remount && !out.data.empty()) {
    return Error(Code::kInvalidArgument,
                 cat("mount option ", out.data.front(), " cannot be changed by a remount"));
  }
  return out;
}

std::string format_mount_attributes(std::uint64_t attributes) {
  std::string text;
  auto append = [&](std::string_view word) {
    if (!text.empty()) text.push_back(',');
    text.append(word);
  };
  constexpr std::string_view kShown[] = {"ro", "nosuid", "nodev", "noexec", "nosymfollow", "nodiratime"};
  for (std::string_view word : kShown) {
    if (attributes & find_attribute(word)->set) append(word);
  }
  switch (attributes & MOUNT_ATTR__ATIME) {
    case MOUNT_ATTR_NOATIME:
      append("noatime");
      break;
    case MOUNT_ATTR_STRICTATIME:
      append("strictatime");
      break;
    case MOUNT_ATTR__ATIME:
      append("atime");
      break;
    default:
      break;
  }
  return text.empty() ? "-" : text;
}

}  // namespace berth::runtime
