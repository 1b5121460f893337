// SPDX-License-Identifier: Apache-2.0
#include "image/layer_apply_copy.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/byte_source.hpp"

namespace berth::image {
namespace {

Result<void> copy_bytes(int from, int to, std::string_view name) {
  std::vector<char> buffer(kStreamBuffer);
  while (true) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got == 0) return {};
    if (got < 0) return Error::from_errno(errno, "read", name);
    RETURN_IF_ERROR(write_fd(to, std::string_view(buffer.data(), static_cast<std::size_t>(got)), name));
  }
}

Result<void> copy_file(LayerTree& tree, const LayerLowers::Found& below, const std::string& real_path,
                       const Place& place) {
  RETURN_IF_ERROR(tree.count(0, static_cast<std::uint64_t>(below.status.st_size)));
  ASSIGN_OR_RETURN(UniqueFd from, open_no_links(below.layer, real_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  ASSIGN_OR_RETURN(UniqueFd to,
                   open_at(place.directory, place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  RETURN_IF_ERROR(copy_bytes(from.get(), to.get(), place.name));
  RETURN_IF_ERROR(set_owner(place, below.status.st_uid, below.status.st_gid));
  ASSIGN_OR_RETURN(const Xattrs xattrs, get_xattrs(from.get()));
  RETURN_IF_ERROR(set_xattrs(to.get(), xattrs));
  if (::fchmod(to.get(), below.status.st_mode & 07777) == 0) return {};
  return Error::from_errno(errno, "set the mode of", place.name);
}

Result<void> copy_link(const LayerLowers::Found& below, const std::string& real_path, const Place& place) {
  ASSIGN_OR_RETURN(UniqueFd from, open_no_links(below.layer, real_path, O_PATH | O_NOFOLLOW));
  std::array<char, kMaxTarName + 1> target{};
  const ssize_t length = ::readlinkat(from.get(), "", target.data(), target.size() - 1);
  if (length < 0) return Error::from_errno(errno, "read link", real_path);
  if (::symlinkat(target.data(), place.directory, place.name.c_str()) != 0) {
    return Error::from_errno(errno, "create link", place.name);
  }
  return set_owner(place, below.status.st_uid, below.status.st_gid);
}

Result<void> copy_special(const LayerLowers::Found& below, const Place& place) {
  if (::mknodat(place.directory, place.name.c_str(), below.status.st_mode & (S_IFMT | 0777U),
                below.status.st_rdev) != 0) {
    return Error::from_errno(errno, "create", place.name);
  }
  return set_owner(place, below.status.st_uid, below.status.st_gid);
}

}  // namespace

Result<void> copy_up(LayerTree& tree, const LayerLowers::Found& below, const std::string& real_path,
                     const Place& place) {
  RETURN_IF_ERROR(tree.count(1, 0));
  const mode_t mode = below.status.st_mode;
  Result<void> copied = S_ISREG(mode)   ? copy_file(tree, below, real_path, place)
                        : S_ISLNK(mode) ? copy_link(below, real_path, place)
                                        : copy_special(below, place);
  RETURN_IF_ERROR(std::move(copied).context("copy up from the layer below"));
  const timespec& mtime = below.status.st_mtim;
  return set_times(place, mtime.tv_sec, static_cast<std::uint32_t>(mtime.tv_nsec));
}

}  // namespace berth::image
