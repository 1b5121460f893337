// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <stdlib.h>

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/dir.hpp"
#include "base/remove_tree.hpp"

namespace berth::testing {

/// A directory of plain files for the time of a test, from one expression:
///   Tree tree{{"memory/a/cgroup.procs", ""}, {"memory/a/empty/", ""}};
/// A name that ends in a slash is a directory.
class Tree {
 public:
  Tree(std::initializer_list<std::pair<std::string, std::string>> files = {}) {
    std::string pattern = "/tmp/berth-tree-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    root_ = pattern;
    for (const auto& [name, content] : files) write(name, content);
  }
  ~Tree() { (void)remove_tree(root_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  const std::string& root() const { return root_; }
  std::string path(const std::string& name) const { return root_ + "/" + name; }

  void write(const std::string& name, const std::string& content) const {
    const std::string full = path(name);
    const bool is_dir = full.back() == '/';
    check(static_cast<bool>(make_dirs(full.substr(0, full.rfind('/')), 0755)), name);
    if (is_dir) return;
    const auto fd = open_at(kCwd, full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    check(fd && write_fd(fd->get(), content, full), name);
  }
  std::string read(const std::string& name) const {
    auto text = read_file(path(name), 1U << 20U);
    check(static_cast<bool>(text), name);
    return *text;
  }
  bool has(const std::string& name) const { return exists(path(name)); }

 private:
  static void check(bool good, const std::string& name) {
    if (!good) throw std::runtime_error("test tree: " + name);
  }
  std::string root_;
};

}  // namespace berth::testing
