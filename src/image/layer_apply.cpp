// SPDX-License-Identifier: Apache-2.0
#include "image/layer_apply.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/layer_apply_copy.hpp"
#include "image/layer_apply_files.hpp"
#include "image/layer_apply_name.hpp"
#include "image/layer_apply_tree.hpp"

namespace berth::image {
namespace {

using Type = TarEntry::Type;

class LayerApplier {
 public:
  LayerApplier(TarReader& tar, const LayerTarget& target) : tar_(tar), target_(target), tree_(target) {}

  Result<LayerTotals> run() {
    ::umask(0);
    for (std::uint64_t entries = 0;; ++entries) {
      ASSIGN_OR_RETURN(const TarEntry* entry, tar_.next());
      if (entry == nullptr) break;
      if (entries == target_.max_entries) {
        return Error(Code::kResourceExhausted,
                     cat("the layer has more than ", target_.max_entries, " entries"));
      }
      auto applied = apply(*entry);
      if (!applied) {
        RETURN_IF_ERROR(files_.finish());  // of an entry before this one
        return name_the_entry(std::move(applied).error(), entry->name);
      }
      if (files_.failed()) break;
    }
    RETURN_IF_ERROR(files_.finish());
    RETURN_IF_ERROR(mark_root());
    RETURN_IF_ERROR(tree_.finish());
    return tree_.totals();
  }

 private:
  Result<void> apply(const TarEntry& entry) {
    ASSIGN_OR_RETURN(const LayerName name, parse_layer_name(entry.name));
    switch (name.kind) {
      case LayerName::Kind::kMetadata:
        return {};
      case LayerName::Kind::kOpaque:
      case LayerName::Kind::kWhiteout:
        return hide(name);
      case LayerName::Kind::kPlain:
        break;
    }
    RETURN_IF_ERROR(check_xattrs(entry.xattrs));
    if (name.base.empty()) return apply_root(entry);
    if (entry.type == Type::kHardLink) return apply_hard_link(entry, name);
    ASSIGN_OR_RETURN(const int parent, tree_.open_directory(name.parent));
    const Place place{parent, name.base};
    if (entry.type == Type::kDirectory) return apply_directory(entry, name, place);
    if (entry.type == Type::kFile) return apply_file(entry, place);
    return apply_node(entry, place);
  }

  Result<void> hide(const LayerName& name) {
    auto parent = tree_.open_directory(name.parent, true);
    // Nothing below it can be seen anyway: ".wh.foo" and then "foo/.wh.bar" is seen in the wild.
    if (!parent && parent.error().sys_errno() == ENOTDIR) return {};
    if (!parent) return std::move(parent).error();
    if (name.kind == LayerName::Kind::kOpaque) return tree_.make_opaque(*parent, "");
    return tree_.white_out({*parent, name.base});
  }

  Result<void> apply_root(const TarEntry& entry) {
    if (entry.type != Type::kDirectory)
      return Error(Code::kInvalidArgument, "the layer's root is no directory");
    has_root_ = true;
    return set_directory(entry, "", {target_.root, "."});
  }

  Result<void> apply_directory(const TarEntry& entry, const LayerName& name, const Place& place) {
    RETURN_IF_ERROR(tree_.make_directory(place));
    return set_directory(entry, name.path(), place);
  }

  Result<void> set_directory(const TarEntry& entry, std::string path, const Place& place) {
    RETURN_IF_ERROR(set_owner(place, entry.uid, entry.gid));
    return tree_.finish_later(place,
                              {std::move(path), entry.mode, entry.mtime_s, entry.mtime_ns, entry.xattrs});
  }

  /// Creates with `make`, which returns what a system call does, once more after clearing the place.
  template <class Make>
  Result<int> create(const Place& place, const Make& make) {
    int made = make();
    if (made < 0 && errno == EEXIST) {
      RETURN_IF_ERROR(tree_.clear(place));
      made = make();
    }
    if (made < 0) return Error::from_errno(errno, "create", place.name);
    RETURN_IF_ERROR(tree_.count(1, 0));
    return made;
  }

  Result<void> apply_file(const TarEntry& entry, const Place& place) {
    ASSIGN_OR_RETURN(const int made, create(place, [&] {
                       return ::openat(place.directory, place.name.c_str(),
                                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                       entry.mode & 0777);
                     }));
    UniqueFd file(made);
    RETURN_IF_ERROR(tree_.count(0, entry.size));
    if (entry.size <= LayerFiles::kMaxSize) return files_.add(std::move(file), entry, tar_);
    while (true) {
      ASSIGN_OR_RETURN(const std::span<const std::byte> data, tar_.content());
      if (data.empty()) break;
      RETURN_IF_ERROR(write_fd(made, {reinterpret_cast<const char*>(data.data()), data.size()}, place.name));
    }
    return fill_file(made, entry, {});
  }

  Result<void> apply_node(const TarEntry& entry, const Place& place) {
    const bool is_device = entry.type == Type::kCharDevice || entry.type == Type::kBlockDevice;
    const dev_t device = is_device ? ::makedev(entry.dev_major, entry.dev_minor) : 0;
    if (entry.type == Type::kCharDevice && device == 0) {
      return Error(Code::kInvalidArgument, "a character device 0:0 would be a whiteout");
    }
    const mode_t format = entry.type == Type::kCharDevice    ? S_IFCHR
                          : entry.type == Type::kBlockDevice ? S_IFBLK
                                                             : S_IFIFO;
    ASSIGN_OR_RETURN(const int made, create(place, [&] {
                       if (entry.type == Type::kSymlink)
                         return ::symlinkat(entry.link.c_str(), place.directory, place.name.c_str());
                       return ::mknodat(place.directory, place.name.c_str(), format | (entry.mode & 0777),
                                        device);
                     }));
    (void)made;
    if (is_foreign(entry)) RETURN_IF_ERROR(set_owner(place, entry.uid, entry.gid));
    RETURN_IF_ERROR(set_xattrs(place, entry.xattrs));
    const bool special = entry.type != Type::kSymlink && (entry.mode & 07000) != 0;
    if (special && ::fchmodat(place.directory, place.name.c_str(), entry.mode, 0) != 0) {
      return Error::from_errno(errno, "set the mode of", place.name);
    }
    return set_times(place, entry.mtime_s, entry.mtime_ns);
  }

  Result<void> apply_hard_link(const TarEntry& entry, const LayerName& name) {
    ASSIGN_OR_RETURN(const LayerName target, parse_layer_name(entry.link));
    if (target.kind != LayerName::Kind::kPlain || target.base.empty()) {
      return Error(Code::kInvalidArgument, cat("a hard link to \"", printable(entry.link), "\""));
    }
    ASSIGN_OR_RETURN(const UniqueFd from_directory, open_link_target(target));
    ASSIGN_OR_RETURN(const int parent, tree_.open_directory(name.parent));
    struct stat from {};
    struct stat to {};
    if (::fstatat(from_directory.get(), target.base.c_str(), &from, AT_SYMLINK_NOFOLLOW) != 0) {
      return Error::from_errno(errno, "find", target.path());
    }
    const bool exists = ::fstatat(parent, name.base.c_str(), &to, AT_SYMLINK_NOFOLLOW) == 0;
    if (exists && from.st_ino == to.st_ino && from.st_dev == to.st_dev) return {};
    if (exists) RETURN_IF_ERROR(tree_.clear({parent, name.base}));
    // Flag 0: to a symbolic link itself, not to where it leads.
    if (::linkat(from_directory.get(), target.base.c_str(), parent, name.base.c_str(), 0) == 0) return {};
    return Error::from_errno(errno, "link to", target.path());
  }

  /// The directory with the target in it, which is copied up when only a lower layer has it.
  Result<UniqueFd> open_link_target(const LayerName& target) {
    struct stat status {};
    auto here = open_in_root(target_.root, target.parent.empty() ? "." : target.parent, O_PATH | O_DIRECTORY);
    if (here && ::fstatat(here->get(), target.base.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
      if (is_whiteout(status))
        return Error(Code::kInvalidArgument,
                     cat("links to \"", printable(target.path()), "\", which the layer removes"));
      return here;
    }
    ASSIGN_OR_RETURN(const LayerTree::Located located, tree_.locate_directory(target.parent));
    if (::fstatat(located.directory, target.base.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      const std::string path =
          located.real_path.empty() ? target.base : cat(located.real_path, "/", target.base);
      std::optional<LayerLowers::Found> below;
      if (!located.hidden) {
        ASSIGN_OR_RETURN(below, tree_.lowers().find(path));
      }
      if (!below || S_ISDIR(below->status.st_mode)) {
        return Error(Code::kInvalidArgument,
                     cat("links to \"", printable(target.path()), "\", which is no file of the image"));
      }
      RETURN_IF_ERROR(copy_up(tree_, *below, path, {located.directory, target.base}));
    }
    return open_no_links(located.directory, "", O_PATH | O_DIRECTORY);
  }

  bool is_foreign(const TarEntry& entry) const { return entry.uid != uid_ || entry.gid != gid_; }

  Result<void> mark_root() {
    if (has_root_ || (target_.lowers.empty() && target_.lowers_complete)) return {};
    ASSIGN_OR_RETURN(const UniqueFd root, open_no_links(target_.root, "", O_RDONLY | O_DIRECTORY));
    if (::fsetxattr(root.get(), kImpliedRootXattr, "y", 1, 0) == 0) return {};
    return Error::from_errno(errno, "mark", "the layer's root");
  }

  TarReader& tar_;
  const LayerTarget& target_;
  LayerTree tree_;
  LayerFiles files_;
  bool has_root_ = false;
  const uid_t uid_ = ::geteuid();
  const gid_t gid_ = ::getegid();
};

}  // namespace

Result<LayerTotals> apply_layer(TarReader& tar, const LayerTarget& target) {
  return LayerApplier(tar, target).run();
}

}  // namespace berth::image
