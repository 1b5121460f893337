// SPDX-License-Identifier: Apache-2.0
#include "image/store_walk.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/byte_source.hpp"
#include "image/layer_apply_lowers.hpp"
#include "image/tar_entry.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxXattr = 65536;  // XATTR_LIST_MAX, XATTR_SIZE_MAX

bool is_of_the_host(std::string_view attribute) {
  return attribute == "security.selinux" || attribute == "security.ima" || attribute == "security.evm";
}

class LayerWalk {
 public:
  LayerWalk(UniqueFd root, const std::function<Result<void>(const Walked&)>& visit,
            const std::stop_token& cancel)
      : root_(std::move(root)), visit_(visit), cancel_(cancel) {}

  Result<void> run() {
    for (waiting_.emplace_back(); !waiting_.empty();) {
      const std::string directory = std::move(waiting_.back());
      waiting_.pop_back();
      RETURN_IF_ERROR(enter(directory));
    }
    return {};
  }

 private:
  Result<void> enter(const std::string& path) {
    ASSIGN_OR_RETURN(const UniqueFd directory,
                     open_no_links(root_.get(), path, O_RDONLY | O_DIRECTORY | O_NOATIME));
    Walked walked;
    walked.path = path;
    walked.fd = directory.get();
    if (::fstat(directory.get(), &walked.status) != 0) return Error::from_errno(errno, "stat", path);
    RETURN_IF_ERROR(visit_(walked));
    ASSIGN_OR_RETURN(std::vector<std::string> names, list_dir(cat("/proc/self/fd/", directory.get())));
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      if (cancel_.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
      RETURN_IF_ERROR(look_at(directory.get(), name, path.empty() ? name : cat(path, "/", name)));
    }
    return {};
  }

  Result<void> look_at(int directory, const std::string& name, const std::string& path) {
    Walked walked;
    walked.path = path;
    if (::fstatat(directory, name.c_str(), &walked.status, AT_SYMLINK_NOFOLLOW) != 0)
      return Error::from_errno(errno, "stat", path);
    if (S_ISDIR(walked.status.st_mode)) {
      waiting_.push_back(path);
      return {};
    }
    if (walked.status.st_nlink > 1) {
      const auto [first, is_new] = linked_.emplace(walked.status.st_ino, path);
      if (!is_new) walked.same_as = &first->second;
    }
    if (S_ISLNK(walked.status.st_mode)) {
      std::array<char, kMaxTarName + 1> target{};
      const ssize_t length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
      if (length < 0) return Error::from_errno(errno, "read link", path);
      walked.link.assign(target.data(), static_cast<std::size_t>(length));
    }
    UniqueFd file;
    if (S_ISREG(walked.status.st_mode) && walked.same_as == nullptr) {
      ASSIGN_OR_RETURN(file, open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NOATIME));
      walked.fd = file.get();
    }
    return visit_(walked);
  }

  UniqueFd root_;
  const std::function<Result<void>(const Walked&)>& visit_;
  const std::stop_token& cancel_;
  std::vector<std::string> waiting_;
  std::map<ino_t, std::string> linked_;
};

Result<void> add_to_digest(Hasher& hasher, const Walked& file, const std::stop_token& cancel) {
  const struct stat& status = file.status;
  const bool sized = S_ISREG(status.st_mode);
  const timespec when = is_whiteout(status) ? timespec{} : status.st_mtim;  // no tar says when one was made
  hasher.update(cat(file.path, '\0', status.st_mode, " ", status.st_uid, " ", status.st_gid, " ",
                    status.st_rdev, " ", when.tv_sec, " ", when.tv_nsec, " ", sized ? status.st_size : 0,
                    "\n", file.same_as != nullptr ? *file.same_as : file.link, '\0'));
  if (file.fd < 0) return {};
  ASSIGN_OR_RETURN(const auto xattrs, layer_xattrs(file.fd));
  for (const auto& [name, value] : xattrs) hasher.update(cat(name, '\0', value.size(), "\n", value));
  if (!sized) return {};
  return read_content(
      file,
      [&](std::string_view data) -> Result<void> {
        hasher.update(data);
        return {};
      },
      cancel);
}

}  // namespace

Result<void> walk_layer(const std::string& root, const std::function<Result<void>(const Walked&)>& visit,
                        const std::stop_token& cancel) {
  ASSIGN_OR_RETURN(UniqueFd fd, open_at(kCwd, root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return LayerWalk(std::move(fd), visit, cancel).run();
}

Result<std::map<std::string, std::string>> layer_xattrs(int fd) {
  std::map<std::string, std::string> found;
  const ssize_t needed = ::flistxattr(fd, nullptr, 0);
  if (needed == 0 || (needed < 0 && errno == ENOTSUP)) return found;
  std::string names(kMaxXattr, '\0');
  const ssize_t length = ::flistxattr(fd, names.data(), names.size());
  if (length < 0) return Error::from_errno(errno, "list", "the attributes of a file");
  std::string value(kMaxXattr, '\0');
  for (std::size_t at = 0; at < static_cast<std::size_t>(length);) {
    const std::string name = names.data() + at;
    at += name.size() + 1;
    if (is_of_the_host(name)) continue;
    const ssize_t size = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (size < 0) return Error::from_errno(errno, "read attribute", name);
    found[name] = value.substr(0, static_cast<std::size_t>(size));
  }
  return found;
}

Result<void> read_content(const Walked& file, const std::function<Result<void>(std::string_view)>& reader,
                          const std::stop_token& cancel) {
  const auto size = static_cast<std::size_t>(file.status.st_size);
  std::string buffer(std::clamp<std::size_t>(size, 1, kStreamBuffer), '\0');
  while (true) {
    if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
    const ssize_t got = ::read(file.fd, buffer.data(), buffer.size());
    if (got == 0) return {};
    if (got < 0 && errno != EINTR) return Error::from_errno(errno, "read", file.path);
    if (got > 0) RETURN_IF_ERROR(reader(std::string_view(buffer).substr(0, static_cast<std::size_t>(got))));
  }
}

Result<Digest> digest_tree(const std::string& root, const std::stop_token& cancel) {
  Hasher hasher;
  const auto add = [&](const Walked& file) { return add_to_digest(hasher, file, cancel).context(file.path); };
  RETURN_IF_ERROR(walk_layer(root, add, cancel));
  return hasher.finish();
}

}  // namespace berth::image
