// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cgroup/manager.hpp"

namespace berth::testing {

/// A parent group of our own for one test; killed and removed with everything below it.
struct Sandbox {
  std::unique_ptr<runtime::cgroup::Manager> manager;
  std::string parent = cat("/berth-test-", ::getpid());
  std::string group = parent + "/x";

  Sandbox() {
    auto opened = runtime::cgroup::Manager::open({});
    if (!opened) throw std::runtime_error(opened.error().to_string());
    manager = *std::move(opened);
  }
  ~Sandbox() {
    (void)manager->kill(parent);
    const auto removed = manager->remove(parent, std::chrono::seconds(5));
    if (!removed) std::fprintf(stderr, "%s\n", removed.error().to_string().c_str());
  }

  void create(const oci::Resources& resources = {}) const {
    const auto created = manager->create(group, resources);
    INFO((created ? std::string() : created.error().to_string()));
    REQUIRE(created);
  }
  /// Where a controller's files of the group are.
  std::string dir(const std::string& controller) const {
    for (const auto& hierarchy : manager->hierarchies()) {
      for (const std::string& name : hierarchy.controllers) {
        if (name == controller) return hierarchy.mount_point + group;
      }
    }
    for (const auto& hierarchy : manager->hierarchies()) {
      if (hierarchy.v2) return hierarchy.mount_point + group;
    }
    return {};
  }
  bool is_v1(const std::string& controller) const {
    for (const auto& hierarchy : manager->hierarchies()) {
      for (const std::string& name : hierarchy.controllers) {
        if (name == controller) return true;
      }
    }
    return false;
  }
  std::string read(const std::string& controller, const std::string& file) const {
    auto text = read_file(dir(controller) + "/" + file, 1U << 16U);
    if (!text) return text.error().to_string();
    while (!text->empty() && text->back() == '\n') text->pop_back();
    return *text;
  }
  void join(pid_t pid) const {
    const auto fds = manager->open_join(group);
    REQUIRE(fds);
    for (const UniqueFd& tasks : fds->tasks) REQUIRE(write_fd(tasks.get(), std::to_string(pid), "tasks"));
    if (fds->v2) REQUIRE(write_file_at(fds->v2.get(), "cgroup.procs", std::to_string(pid)));
  }
};

}  // namespace berth::testing
