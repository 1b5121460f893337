// SPDX-License-Identifier: Apache-2.0
#include "image/layer_apply_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/layer_apply_name.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kBatchFiles = 32;
constexpr std::size_t kBatchBytes = 256UL * 1024;
constexpr std::size_t kMaxBatches = 4;  // so many times their bytes and descriptors are held at most

}  // namespace

Error name_the_entry(Error error, const std::string& name) {
  const int err = error.sys_errno();
  if (err == ENOSPC || err == EDQUOT) error.recode(Code::kResourceExhausted);
  return error.add_context(cat("layer entry \"", printable(name), "\""));
}

Result<void> fill_file(int fd, const TarEntry& entry, std::span<const std::byte> content) {
  static const uid_t uid = ::geteuid();
  static const gid_t gid = ::getegid();
  if (!content.empty())
    RETURN_IF_ERROR(
        write_fd(fd, {reinterpret_cast<const char*>(content.data()), content.size()}, entry.name));
  if ((entry.uid != uid || entry.gid != gid) && ::fchown(fd, entry.uid, entry.gid) != 0) {
    return Error::from_errno(errno, cat("give to user ", entry.uid, " and group ", entry.gid), entry.name);
  }
  RETURN_IF_ERROR(set_xattrs(fd, entry.xattrs));
  if ((entry.mode & 07000) != 0 && ::fchmod(fd, entry.mode) != 0) {
    return Error::from_errno(errno, "set the mode of", entry.name);
  }
  const timespec when{entry.mtime_s, static_cast<long>(entry.mtime_ns)};
  const std::array<timespec, 2> times{when, when};
  if (::futimens(fd, times.data()) == 0) return {};
  return Error::from_errno(errno, "set the times of", entry.name);
}

Result<void> LayerFiles::add(UniqueFd file, const TarEntry& entry, TarReader& content) {
  const std::size_t at = next_.content.size();
  while (true) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> data, content.content());
    if (data.empty()) break;
    next_.content.insert(next_.content.end(), data.begin(), data.end());
  }
  next_.files.push_back({std::move(file), entry, at});
  if (next_.files.size() >= kBatchFiles || next_.content.size() >= kBatchBytes) hand_over();
  return {};
}

void LayerFiles::hand_over() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.size() < kMaxBatches; });
  waiting_.push_back(std::exchange(next_, std::exchange(spare_, {})));
  changed_.notify_all();
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void LayerFiles::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    Batch& batch = waiting_.front();
    lock.unlock();
    auto filled = fill(batch);
    batch.files.clear();
    batch.content.clear();
    lock.lock();
    spare_ = std::move(batch);
    if (!filled && !error_) error_ = std::move(filled).error();
    waiting_.pop_front();
    changed_.notify_all();
  }
}

Result<void> LayerFiles::fill(const Batch& batch) {
  for (const File& file : batch.files) {
    const auto content = std::span(batch.content).subspan(file.at, file.entry.size);
    auto filled = fill_file(file.fd.get(), file.entry, content);
    if (!filled) return name_the_entry(std::move(filled).error(), file.entry.name);
  }
  return {};
}

Result<void> LayerFiles::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty(); });
  if (error_) return *error_;
  return fill(std::exchange(next_, {}));
}

bool LayerFiles::failed() {
  std::lock_guard lock(mutex_);
  return error_.has_value();
}

}  // namespace berth::image
