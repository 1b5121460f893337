// SPDX-License-Identifier: Apache-2.0
#include "runtime/selinux.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/cat.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {
namespace {

constexpr const char* kFiles = "/sys/fs/selinux";

}  // namespace

bool selinux_enabled() {
  struct statfs volume {};
  return ::statfs(kFiles, &volume) == 0 &&
         static_cast<unsigned long>(volume.f_type) == static_cast<unsigned long>(SELINUX_MAGIC);
}

Result<void> check_selinux_label(const std::string& label) {
  if (!selinux_enabled()) {
    return Error(Code::kInvalidArgument,
                 cat("SELinux label \"", label, "\" cannot be applied: SELinux is not enabled on this host"));
  }
  const std::string path = cat(kFiles, "/context");
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return Error::from_errno(errno, "open", path);
  // The kernel reads a label with its final NUL, and refuses what its policy does not know.
  const ssize_t written = ::write(file.get(), label.c_str(), label.size() + 1);
  if (written >= 0) return {};
  Error error = Error::from_errno(errno, "check SELinux label", label);
  error.recode(Code::kInvalidArgument);
  return error;
}

}  // namespace berth::runtime
