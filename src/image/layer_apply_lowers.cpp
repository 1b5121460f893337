// SPDX-License-Identifier: Apache-2.0
#include "image/layer_apply_lowers.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "base/cat.hpp"
#include "image/layer_apply.hpp"
#include "image/tar_stream.hpp"

namespace berth::image {
namespace {

// Whether a directory on the way to `path` ends the search in the layers further down.
bool hides_below(int layer, const std::string& path) {
  for (std::size_t slash = 0; slash != std::string::npos; slash = path.find('/', slash + 1)) {
    auto directory = open_no_links(layer, path.substr(0, slash), O_RDONLY | O_DIRECTORY);
    if (!directory) return false;
    if (is_opaque(directory->get())) return true;
  }
  return false;
}

}  // namespace

Result<UniqueFd> open_no_links(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<decltype(how.flags)>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root, name, &how, sizeof(how))));
  if (!fd) return Error::from_errno(errno, "open", path);
  return fd;
}

bool is_whiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(0, 0);
}

bool is_opaque(int directory) {
  char value = 0;
  return ::fgetxattr(directory, kOpaqueXattr, &value, 1) == 1 && value == 'y';
}

Result<std::optional<LayerLowers::Found>> LayerLowers::find(const std::string& path) const {
  for (const int layer : lowers_) {
    auto fd = open_no_links(layer, path, O_PATH | O_NOFOLLOW);
    if (fd) {
      Found found;
      found.layer = layer;
      if (::fstat(fd->get(), &found.status) != 0) return Error::from_errno(errno, "stat", path);
      if (is_whiteout(found.status)) return std::optional<Found>();
      return std::optional<Found>(found);
    }
    const int err = fd.error().sys_errno();
    // Something that is no directory stands in the way, and hides the layers below with it.
    if (err == ENOTDIR || err == ELOOP) return std::optional<Found>();
    if (err != ENOENT) return std::move(fd).error().add_context("look into the layer below");
    if (hides_below(layer, path)) return std::optional<Found>();
  }
  if (complete_) return std::optional<Found>();
  return Error(Code::kFailedPrecondition, cat(kNeedsLowerLayer, " for \"", path, "\""));
}

}  // namespace berth::image
