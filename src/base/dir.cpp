// SPDX-License-Identifier: Apache-2.0
#include "base/dir.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/cat.hpp"

namespace berth {
namespace {

static_assert(kCwd == AT_FDCWD);

// A NUL would make the kernel see a shorter name than every check on the string saw.
Result<void> refuse_nul(const std::string& path) {
  if (path.find('\0') == std::string::npos) return {};
  return Error(Code::kInvalidArgument, cat("the path ", path.c_str(), " contains a NUL byte"));
}

Result<UniqueFd> open_resolved(int root_fd, const std::string& path, int flags, mode_t mode,
                               std::uint64_t resolve) {
  RETURN_IF_ERROR(refuse_nul(path));
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  // openat2 refuses a mode that would have no effect.
  how.mode = (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0 ? mode : 0;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: a rename or mount somewhere in the system raced with a ".." of ours, openat2(2).
  constexpr int kAttempts = 128;
  for (int attempt = 0;; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root_fd, path.c_str(), &how, sizeof(how));
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if ((errno != EAGAIN && errno != EINTR) || attempt == kAttempts)
      return Error::from_errno(errno, "open", path);
  }
}

Result<void> make_one_dir(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) {
    if (::chmod(path.c_str(), mode) != 0)
      return Error::from_errno(errno, "chmod", path);  // the umask had its say
    return {};
  }
  const int err = errno;
  struct stat existing {};
  if (err == EEXIST && ::stat(path.c_str(), &existing) == 0 && S_ISDIR(existing.st_mode)) return {};
  return Error::from_errno(err, "create directory", path);
}

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

}  // namespace

Result<UniqueFd> open_at(int dir_fd, const std::string& path, int flags, mode_t mode) {
  RETURN_IF_ERROR(refuse_nul(path));
  for (;;) {
    UniqueFd fd(::openat(dir_fd, path.c_str(), flags | O_CLOEXEC, mode));
    if (fd) return fd;
    if (errno != EINTR) return Error::from_errno(errno, "open", path);
  }
}

Result<UniqueFd> open_in_root(int root_fd, const std::string& path, int flags, mode_t mode) {
  return open_resolved(root_fd, path, flags, mode, RESOLVE_IN_ROOT);
}

Result<UniqueFd> open_beneath(int root_fd, const std::string& path, int flags, mode_t mode) {
  return open_resolved(root_fd, path, flags, mode, RESOLVE_BENEATH);
}

Result<void> make_dirs(const std::string& path, mode_t mode) {
  RETURN_IF_ERROR(refuse_nul(path));
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    RETURN_IF_ERROR(make_one_dir(path.substr(0, slash), mode));
  }
  return make_one_dir(path, mode);
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  ASSIGN_OR_RETURN(UniqueFd fd, open_at(kCwd, path, O_RDONLY));
  return read_fd(fd.get(), limit, path);
}

Result<std::string> read_fd(int fd, std::size_t limit, std::string_view subject) {
  constexpr std::size_t kChunk = 16384;
  limit = std::min(limit, std::string().max_size() - 1);
  std::string data;
  for (;;) {
    const std::size_t have = data.size();
    // One byte more than allowed tells "exactly the limit" from "too long".
    const std::size_t want = std::min(std::max(kChunk, have), limit - have + 1);
    data.resize(have + want);
    const ssize_t got = ::read(fd, data.data() + have, want);
    data.resize(have + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0) return data;
    if (got < 0 && errno != EINTR) return Error::from_errno(errno, "read", subject);
    if (data.size() > limit)
      return Error(Code::kResourceExhausted, cat(subject, " is longer than ", limit, " bytes"));
  }
}

Result<void> write_fd(int fd, std::string_view data, std::string_view subject) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::from_errno(errno, "write", subject);
    if (written == 0) return Error(Code::kInternal, cat("write ", subject, ": nothing was accepted"));
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> write_file_at(int dir_fd, const std::string& path, std::string_view data) {
  ASSIGN_OR_RETURN(UniqueFd fd, open_at(dir_fd, path, O_WRONLY | O_TRUNC));
  return write_fd(fd.get(), data, path);
}

Result<std::vector<std::string>> list_dir(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, open_at(kCwd, path, O_RDONLY | O_DIRECTORY));
  std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd.get()));
  if (!dir) return Error::from_errno(errno, "list", path);
  (void)fd.release();  // closedir() closes it from here on
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr && errno != 0) return Error::from_errno(errno, "list", path);
    if (entry == nullptr) return names;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

}  // namespace berth
