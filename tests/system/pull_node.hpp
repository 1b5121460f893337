// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/dir.hpp"
#include "base/remove_tree.hpp"
#include "base/subprocess.hpp"
#include "image/image_store.hpp"
#include "image/puller.hpp"
#include "tree.hpp"

namespace berth::image {

inline constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A server of a test, killed with it.
class Server {
 public:
  /// Waits for the first line of its standard output when `tells_port`.
  Server(std::vector<std::string> argv, bool tells_port) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    UniqueFd read_end(ends[0]), write_end(ends[1]);
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    UniqueFd input(ends[0]);
    keep_alive_ = UniqueFd(ends[1]);
    SpawnRequest request;
    request.program = "/usr/bin/env";
    request.argv = std::move(argv);
    request.argv.insert(request.argv.begin(), "env");
    request.env = {kPath};
    request.fds = {{input.get(), 0}, {write_end.get(), 1}};
    request.new_session = true;
    auto started = Subprocess::spawn(request);
    REQUIRE(started);
    process_ = *std::move(started);
    write_end.reset();
    for (char c = 0; tells_port && c != '\n' && ::read(read_end.get(), &c, 1) == 1;) line_.push_back(c);
    output_ = std::move(read_end);
  }
  ~Server() { process_.kill_group_and_reap(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  const std::string& line() const { return line_; }

 private:
  UniqueFd keep_alive_, output_;
  Subprocess process_;
  std::string line_;
};

inline std::string output_of(std::vector<std::string> argv) {
  SpawnRequest request;
  request.program = "/usr/bin/env";
  request.argv = std::move(argv);
  request.argv.insert(request.argv.begin(), "env");
  request.env = {kPath};
  request.new_session = true;
  const auto done =
      run_to_end(request, "", 1U << 20, std::chrono::steady_clock::now() + std::chrono::seconds(60));
  REQUIRE(done);
  INFO(done->err);
  REQUIRE(done->wait_status == 0);
  return done->out;
}

/// A store and a puller in a directory of their own.
struct Node {
  explicit Node(const std::string& registries,
                std::chrono::seconds progress_timeout = std::chrono::seconds(10), ProxyOptions proxy = {}) {
    files.write("registries.conf", registries);
    auto opened = ImageStore::open({files.path("images"), {}, files.path("snapshots")});
    if (!opened) FAIL(opened.error().to_string());
    store = *std::move(opened);
    PullerOptions options;
    options.registries.conf = {files.path("registries.conf"), files.path("registries.conf.d"), ""};
    options.registries.certs_dirs = {files.path("certs.d")};
    options.registries.auth_files = {files.path("auth.json")};
    options.registries.helper_dirs = {files.path("bin")};
    options.registries.proxy = std::move(proxy);
    options.unpack_program = BERTH_UNPACK;
    options.progress_timeout = progress_timeout;
    auto created = Puller::create(options, *store);
    if (!created) FAIL(created.error().to_string());
    puller = *std::move(created);
  }
  Result<ImagePtr> pull(const std::string& reference, const Credentials& credentials = {}) const {
    return puller->pull(reference, credentials, "", {});
  }
  ImagePtr must_pull(const std::string& reference, const Credentials& credentials = {}) const {
    auto image = pull(reference, credentials);
    if (!image) FAIL(image.error().to_string());
    return *image;
  }
  /// What the failed pull said.
  std::string refusal(const std::string& reference, Code code, const Credentials& credentials = {}) const {
    auto image = pull(reference, credentials);
    REQUIRE_FALSE(image);
    INFO(image.error().to_string());
    CHECK(static_cast<int>(image.error().code()) == static_cast<int>(code));
    CHECK(store->list().empty());
    CHECK(staging_empties());
    return image.error().to_string();
  }
  /// What a failed pull unpacked is deleted in the background.
  bool staging_empties() const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < deadline) {
      if (list_dir(files.path("images/staging"))->empty()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  berth::testing::Tree files;
  std::unique_ptr<ImageStore> store;
  std::unique_ptr<Puller> puller;
};

inline std::string insecure(const std::string& host) {
  return "[[registry]]\nlocation = \"" + host + "\"\ninsecure = true\n";
}

}  // namespace berth::image
