// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/remove_tree.hpp"
#include "image/tar_stream.hpp"

namespace berth::image {

/// Once per test program: a mount namespace of its own with a tmpfs on /tmp, so that the tests touch
/// neither the machine's disk nor its mount table. False when not root.
inline bool enter_test_node() {
  static const bool entered = [] {
    if (::geteuid() != 0) return false;
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) != 0) {
      throw std::runtime_error("cannot make a private /tmp");
    }
    return true;
  }();
  if (!entered) std::cout << "SKIP: needs root\n";
  return entered;
}

/// Directories of layers, unpacked by the real worker.
class LayerBench {
 public:
  LayerBench() {
    std::string pattern = "/tmp/layers-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    root_ = pattern;
  }
  ~LayerBench() { (void)remove_tree(root_); }
  LayerBench(const LayerBench&) = delete;
  LayerBench& operator=(const LayerBench&) = delete;

  const std::string& root() const { return root_; }
  std::string dir(const std::string& name) const { return root_ + "/" + name; }

  /// Into the new directory `name`, over `below`, topmost first.
  Result<LayerSink::Applied> unpack(const std::string& name, const std::string& tar,
                                    const std::vector<std::string>& below = {}, bool complete = true,
                                    std::uint64_t max_bytes = 0, std::uint64_t max_entries = 0) const {
    RETURN_IF_ERROR(make_dirs(dir(name), 0755));
    UnpackRequest request;
    request.program = BERTH_UNPACK;
    request.target_dir = dir(name);
    for (const std::string& lower : below) request.lower_dirs.push_back(dir(lower));
    request.lowers_complete = complete;
    request.max_bytes = max_bytes;
    request.max_entries = max_entries;
    ASSIGN_OR_RETURN(const std::unique_ptr<LayerSink> sink, start_unpack(request, {}));
    RETURN_IF_ERROR(sink->write(std::as_bytes(std::span(tar))));
    return sink->finish();
  }

 private:
  std::string root_;
};

/// One line per file below `root`, sorted: "path type mode uid:gid details".
std::string describe_tree(const std::string& root);

}  // namespace berth::image
