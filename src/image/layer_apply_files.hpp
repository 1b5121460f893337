// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "image/layer_apply_attributes.hpp"
#include "image/tar_reader.hpp"

namespace berth::image {

/// Content, owner, attributes, mode and times of a file that has just been created.
Result<void> fill_file(int fd, const TarEntry& entry, std::span<const std::byte> content);

/// The error of an entry, with its name; a full disk is kResourceExhausted.
Error name_the_entry(Error error, const std::string& name);

/// Small files that have been created and are still to be filled. Another thread does that, in batches, while
/// the next ones are created: the kernel needs as long for the one as for the other. Names are not its
/// business, so that their order, replacements and hard links stay that of the archive.
class LayerFiles {
 public:
  /// Larger files are not worth the copy.
  static constexpr std::size_t kMaxSize = 64UL * 1024;

  /// Reads the entry's content; errors are those of the archive.
  Result<void> add(UniqueFd file, const TarEntry& entry, TarReader& content);
  /// All are filled, or the first that was not, by name.
  Result<void> finish();
  bool failed();

 private:
  struct File {
    UniqueFd fd;
    TarEntry entry;
    std::size_t at = 0;  ///< of its content in the batch's
  };
  struct Batch {
    std::vector<File> files;
    std::vector<std::byte> content;
  };

  static Result<void> fill(const Batch& batch);
  void hand_over();
  void run(const std::stop_token& stop);

  Batch next_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Batch> waiting_;  // the first one is being filled
  Batch spare_;                // an empty one with room
  std::optional<Error> error_;
  std::jthread thread_;  // started with the first batch; last: it uses the others
};

}  // namespace berth::image
