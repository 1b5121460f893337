// SPDX-License-Identifier: Apache-2.0
#include "image/archive_layer.hpp"

#include <sys/sysmacros.h>

#include "base/cat.hpp"
#include "image/layer_apply.hpp"
#include "image/layer_apply_lowers.hpp"
#include "image/store_walk.hpp"
#include "image/tar_format.hpp"

namespace berth::image {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

TarEntry describe(const Walked& file) {
  TarEntry entry;
  entry.name = file.path;
  entry.mode = file.status.st_mode & 07777;
  entry.uid = file.status.st_uid;
  entry.gid = file.status.st_gid;
  entry.mtime_s = file.status.st_mtim.tv_sec;
  entry.mtime_ns = static_cast<std::uint32_t>(file.status.st_mtim.tv_nsec);
  return entry;
}

Result<void> set_type(const Walked& file, TarEntry& entry) {
  using Type = TarEntry::Type;
  const mode_t mode = file.status.st_mode;
  if (file.same_as != nullptr) {
    entry.type = Type::kHardLink;
    entry.link = *file.same_as;
  } else if (S_ISREG(mode)) {
    entry.size = static_cast<std::uint64_t>(file.status.st_size);
  } else if (S_ISDIR(mode)) {
    entry.type = Type::kDirectory;
    entry.name = file.path.empty() ? "./" : cat(file.path, "/");
  } else if (S_ISLNK(mode)) {
    entry.type = Type::kSymlink;
    entry.link = file.link;
  } else if (S_ISFIFO(mode)) {
    entry.type = Type::kFifo;
  } else if (S_ISCHR(mode) || S_ISBLK(mode)) {
    entry.type = S_ISCHR(mode) ? Type::kCharDevice : Type::kBlockDevice;
    entry.dev_major = major(file.status.st_rdev);
    entry.dev_minor = minor(file.status.st_rdev);
  } else {
    return Error(Code::kFailedPrecondition, "a socket is no part of a layer");
  }
  return {};
}

class LayerPacker {
 public:
  LayerPacker(const TarOutput& output, const std::stop_token& cancel) : output_(output), cancel_(cancel) {}

  Result<void> add(const Walked& file) {
    if (is_whiteout(file.status)) return add_marker(cat(parent(file.path), kWhiteout, base(file.path)));
    TarEntry entry = describe(file);
    RETURN_IF_ERROR(set_type(file, entry));
    bool opaque = false;
    if (file.fd >= 0) {
      ASSIGN_OR_RETURN(const auto xattrs, layer_xattrs(file.fd));
      opaque = xattrs.contains(kOpaqueXattr);
      // A root that the layer did not describe is not described now.
      if (file.path.empty() && xattrs.contains(kImpliedRootXattr))
        return opaque ? add_marker(std::string(kOpaque)) : Result<void>();
      for (const auto& attribute : xattrs) {
        if (!attribute.first.starts_with("trusted.overlay.")) entry.xattrs.push_back(attribute);
      }
    }
    RETURN_IF_ERROR(output_(format_tar_header(entry)));
    if (opaque) return add_marker(cat(file.path, file.path.empty() ? "" : "/", kOpaque));
    return entry.type == TarEntry::Type::kFile ? add_content(file) : Result<void>();
  }

 private:
  static std::string parent(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }
  static std::string base(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  Result<void> add_marker(std::string name) {
    TarEntry entry;
    entry.name = std::move(name);
    return output_(format_tar_header(entry));
  }

  Result<void> add_content(const Walked& file) {
    std::uint64_t written = 0;
    const auto pass = [&](std::string_view data) {
      written += data.size();
      return output_(data);
    };
    RETURN_IF_ERROR(read_content(file, pass, cancel_));
    const auto size = static_cast<std::uint64_t>(file.status.st_size);
    if (written != size) return Error(Code::kFailedPrecondition, "the file changes while it is read");
    return output_(tar_padding(size));
  }

  const TarOutput& output_;
  const std::stop_token& cancel_;
};

}  // namespace

Result<void> pack_layer(const std::string& root, const TarOutput& output, const std::stop_token& cancel) {
  LayerPacker packer(output, cancel);
  const auto add = [&](const Walked& file) { return packer.add(file).context(file.path); };
  RETURN_IF_ERROR(walk_layer(root, add, cancel));
  return output(tar_end());
}

}  // namespace berth::image
