// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace berth::testing {

/// The manager interface of a systemd that makes nothing, on a socket of the test's own; libsystemd is
/// the other opinion about what our bytes mean. What it was asked is kept as text: "StartTransientUnit
/// x.scope Slice=a.slice Delegate=true ...".
class FakeSystemd {
 public:
  struct Behaviour {
    std::string error;  ///< name of a D-Bus error that is the answer; "": none
    int errors = 0;     ///< so many calls are answered with it, all if negative
    std::string job_result = "done";
    bool job_before_reply = false;
    bool hang_up = false;  ///< instead of an answer, once
    /// Called before the answer to StartTransientUnit, with the unit and its first process.
    std::function<void(const std::string& unit, int pid)> started;
  };
  explicit FakeSystemd(const std::string& socket_path);
  FakeSystemd(const std::string& socket_path, Behaviour behaviour);
  ~FakeSystemd();
  FakeSystemd(const FakeSystemd&) = delete;
  FakeSystemd& operator=(const FakeSystemd&) = delete;

  std::string address() const;
  /// All calls but Subscribe, in order.
  std::vector<std::string> calls() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace berth::testing
