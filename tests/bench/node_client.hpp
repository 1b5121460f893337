// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "api.pb.h"
#include "cri_client.hpp"

namespace berth::bench {

namespace cri = runtime::v1;
using Strings = std::vector<std::string>;

/// The runtime under test. Every call either succeeds or throws std::runtime_error with the RPC's
/// sentence: a benchmark with failures measures nothing.
class NodeClient {
 public:
  struct Options {
    std::string socket;
    std::string image;
    std::string cgroup_parent;  ///< of pods; empty: the runtime's choice
    std::string log_dir;
  };
  explicit NodeClient(Options options) : options_(std::move(options)), client_(options_.socket) {}

  struct Pod {
    std::string id;
    cri::PodSandboxConfig config;
  };
  Pod run_pod(bool host_network);
  std::string create(const Pod& pod, const Strings& command, const std::string& log_path = "");
  void start(const std::string& container);
  std::string create_and_start(const Pod& pod, const Strings& command, const std::string& log_path = "");
  void exec(const std::string& container, const Strings& command);
  void stop(const std::string& container, int grace);
  void stop_pod(const Pod& pod);
  void remove_pod(const Pod& pod);
  void remove_image(const std::string& image);
  std::string pull(const std::string& image);
  std::size_t list_containers();
  std::size_t list_pods();
  std::size_t list_stats();
  std::size_t list_pod_stats();
  std::size_t list_metrics();
  void status();
  std::string version();
  /// What the kubelet asks before anything else: Version, Status, ListPodSandbox, ImageFsInfo.
  void first_answers();
  const Options& options() const { return options_; }

 private:
  void call(const std::string& method, const google::protobuf::Message& request,
            google::protobuf::Message& response);
  Options options_;
  testing::CriClient client_;
  std::atomic<int> count_ = 0;
};

}  // namespace berth::bench
