// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "ctl/client.hpp"

namespace berth::ctl {

/// The pod of `berthctl smoke`: a shell that says a line and ends with kStopStatus when asked to. Removes
/// itself and its files when destroyed, however far it came; close() tells whether that worked.
class SmokePod {
 public:
  static constexpr int kStopStatus = 7;
  static constexpr const char* kLine = "berth-smoke: hello";

  SmokePod(Client& client, std::string image, bool host_network);
  SmokePod(const SmokePod&) = delete;
  SmokePod& operator=(const SmokePod&) = delete;
  ~SmokePod();

  /// The directory of its logs and configurations.
  Result<void> make_files();
  Result<void> ensure_image();
  Result<void> run();
  Result<void> create();
  Result<void> start();
  Result<void> await_log();
  Result<void> exec();
  Result<void> stats();
  Result<void> stop();
  Result<void> remove_container();
  Result<void> stop_pod();
  Result<void> remove_pod();

  // What stands for them in crictl lines.
  std::string pod_file() const { return dir_ + "/pod.json"; }
  std::string container_file() const { return dir_ + "/container.json"; }
  std::string log_file() const { return dir_ + "/smoke.log"; }
  const std::string& pod_id() const { return pod_id_; }
  const std::string& container_id() const { return container_id_; }
  const std::string& image() const { return image_; }

 private:
  Client& client_;
  std::string image_;
  std::string dir_, pod_id_, container_id_;
  cri::PodSandboxConfig pod_;
  cri::ContainerConfig container_;
};

}  // namespace berth::ctl
