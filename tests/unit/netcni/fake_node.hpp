// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/json.hpp"
#include "base/reactor.hpp"
#include "netcni/networks.hpp"

namespace berth::netcni::test {

/// A node's CNI directories with fake plugins in them, gone at the end of the test.
class FakeNode {
 public:
  FakeNode() : root_((std::filesystem::temp_directory_path() / "berth-cni-XXXXXX").string()) {
    if (::mkdtemp(root_.data()) == nullptr) std::abort();
    std::filesystem::create_directories(conf_dir());
    std::filesystem::create_directories(bin_dir());
  }
  FakeNode(const FakeNode&) = delete;
  FakeNode& operator=(const FakeNode&) = delete;
  ~FakeNode() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  const std::string& root() const { return root_; }
  std::string conf_dir() const { return root_ + "/net.d"; }
  std::string bin_dir() const { return root_ + "/bin"; }

  void write(const std::string& path, const std::string& text) const {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    REQUIRE(file.good());
  }
  std::string read(const std::string& path) const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void add_conf(const std::string& name, const std::string& text) const {
    write(conf_dir() + "/" + name, text);
  }

  /// A plugin that answers ADD with `result`.
  void add_plugin(const std::string& name, const std::string& result = pod_result()) const {
    // A hard or symbolic link would do, but for $0 and noexec; a copy is what a node has.
    std::filesystem::copy_file(FAKE_CNI, bin_dir() + "/" + name);
    write(bin_dir() + "/" + name + ".result", result);
  }
  /// What the plugin does on a verb instead of its usual: a shell script.
  void script(const std::string& plugin, const std::string& verb, const std::string& text) const {
    write(bin_dir() + "/" + plugin + "." + verb + ".do", text + "\n");
  }
  std::string stdin_of(const std::string& plugin, const std::string& verb) const {
    return read(bin_dir() + "/" + plugin + "." + verb + ".stdin");
  }
  std::string env_of(const std::string& plugin, const std::string& verb) const {
    return read(bin_dir() + "/" + plugin + "." + verb + ".env");
  }
  /// "first ADD\nsecond ADD\n..."
  std::string calls() const { return read(bin_dir() + "/calls"); }

  Networks::Options options() const {
    return {conf_dir(), {root_ + "/no-such-bin", bin_dir()}, std::chrono::seconds(20)};
  }

  static std::string pod_result() {
    return R"({"cniVersion":"1.0.0",
      "interfaces":[{"name":"br0"},{"name":"eth0","sandbox":"/proc/self/ns/net"}],
      "ips":[{"address":"10.1.0.5/24","gateway":"10.1.0.1","interface":1},{"address":"fd00::5/64","interface":1}]})";
  }
  static std::string two_plugins() {
    return R"({"cniVersion":"1.0.0","name":"podnet","plugins":[{"type":"first"},{"type":"second"}]})";
  }

 private:
  std::string root_;
};

/// Joins what a test needs to talk to the network.
struct Node {
  FakeNode files;
  std::unique_ptr<Reactor> reactor;
  std::unique_ptr<Networks> networks;

  void open() {
    auto started = Reactor::start();
    REQUIRE(started);
    reactor = *std::move(started);
    auto opened = Networks::open(files.options(), *reactor);
    REQUIRE(opened);
    networks = *std::move(opened);
  }
};

inline AttachRequest pod_request() {
  AttachRequest request;
  request.pod_id = "0123abcd";
  request.namespace_ = "kube-system";
  request.name = "dns-0";
  request.uid = "11111111-2222";
  request.netns = "/proc/self/ns/net";
  return request;
}

}  // namespace berth::netcni::test
