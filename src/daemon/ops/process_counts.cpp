// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/process_counts.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/cat.hpp"

namespace berth::daemon {
namespace {

constexpr std::uint64_t kMostCounted = 65536;
using DirStream = std::unique_ptr<DIR, int (*)(DIR*)>;

bool is_socket(int dir_fd, const char* name) {
  std::array<char, 16> target{};
  const ssize_t length = ::readlinkat(dir_fd, name, target.data(), target.size());
  return length > 0 &&
         std::string_view(target.data(), static_cast<std::size_t>(length)).starts_with("socket:");
}

/// False when there are too many.
bool count_descriptors(const std::string& fd_dir, std::uint64_t& descriptors, std::uint64_t& sockets) {
  const DirStream dir(::opendir(fd_dir.c_str()), ::closedir);
  if (!dir) return true;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (entry->d_name[0] == '.') continue;
    if (++descriptors > kMostCounted) return false;
    if (is_socket(::dirfd(dir.get()), entry->d_name)) ++sockets;
  }
  return true;
}

}  // namespace

MetricSource::Processes count_processes(const std::vector<int>& pids, const std::string& proc) {
  MetricSource::Processes counts;
  counts.count = pids.size();
  std::uint64_t descriptors = 0;
  std::uint64_t sockets = 0;
  for (const int pid : pids) {
    if (!count_descriptors(cat(proc, "/", pid, "/fd"), descriptors, sockets)) return counts;
  }
  counts.descriptors = descriptors;
  counts.sockets = sockets;
  return counts;
}

}  // namespace berth::daemon
