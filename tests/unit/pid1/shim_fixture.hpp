// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "pid1/shim_protocol.h"
#include "plan_writer.hpp"

namespace berth::pid1::test {

/// A scratch directory on a tmpfs with a busybox root file system in it; gone with the object.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

 private:
  std::string directory_;
};

struct Answer {
  int err = -1;
  uint32_t op_index = 0;
  std::string body;
};

struct Event {
  shim::Type type;
  shim::ObjectState state;
};

struct LaunchOptions {
  uint32_t flags = 0;
  std::vector<int> stdio;  // with kGivenStdio
  std::string log_name;    // empty: output is discarded
  int oom_fd = -1;
  int journal_fd = -1;
  std::string journal_fields;
  uint64_t log_max_size = 0;
  uint32_t log_max_files = 0;
};

/// The real berth-pid1 in the role of a shim, and the daemon's end of its socket.
class TestShim {
 public:
  TestShim();
  ~TestShim();
  TestShim(const TestShim&) = delete;
  TestShim& operator=(const TestShim&) = delete;

  Answer call(shim::Type type, const void* body = nullptr, size_t size = 0, const std::vector<int>& fds = {});
  Answer launch(const shim::ObjectId& id, const std::vector<unsigned char>& plan, const std::vector<int>& fds,
                const LaunchOptions& options);
  Answer object_call(shim::Type type, const shim::ObjectId& id);
  Answer signal(const shim::ObjectId& id, int number);
  /// The next kExited or kPauseExited; fails the test after a while.
  Event next_event(int timeout_ms = 30000);
  /// What kList says about an object.
  std::optional<shim::ObjectState> listed(const shim::ObjectId& id);

  void disconnect() { socket_.reset(); }
  void connect();
  /// Raw access for malformed messages.
  int socket() const { return socket_.get(); }
  bool send(const void* bytes, size_t size, const std::vector<int>& fds = {});
  Answer receive_reply(uint64_t seq);

  int pid() const { return pid_; }
  /// Waits for the shim's end and returns its exit code.
  int wait();
  std::string log(const std::string& name) const;
  const Scratch& scratch() const { return scratch_; }

 private:
  bool receive(std::vector<unsigned char>& packet, int timeout_ms);

  Scratch scratch_;
  UniqueFd socket_;
  int pid_ = -1;
  uint64_t seq_ = 0;
  std::vector<Event> events_;
  std::vector<shim::ObjectState> items_;
};

/// A container's plan over the scratch root: namespaces, proc, dev, devpts, pivot, stdio, gate, exec.
class ContainerPlan {
 public:
  explicit ContainerPlan(const Scratch& scratch);
  ContainerPlan& argv(std::vector<std::string> value) {
    argv_ = std::move(value);
    return *this;
  }
  /// A shell script as the program.
  ContainerPlan& script(const std::string& text) { return argv({"/bin/sh", "-c", text}); }
  std::vector<unsigned char> finish();

  PlanWriter writer;
  std::vector<UniqueFd> fds;
  std::vector<int> raw_fds() const;
  /// Ops that go between the pivot and stdio, and right before the gate.
  std::vector<plan::Op> mask, setup, privileges, seccomp;
  bool terminal = false;
  bool gate = true;
  uint64_t clone_flags;
  uint32_t uid = 0;

 private:
  void add_files();
  std::vector<std::string> argv_ = {"/bin/true"};
  std::string attach_point_;
};

/// A plan that joins the namespaces of `pid` and runs a program there, without a gate.
struct ExecPlan {
  std::vector<unsigned char> bytes;
  std::vector<UniqueFd> fds;
  std::vector<int> raw_fds() const;
};
ExecPlan exec_plan(int pid, const std::vector<std::string>& argv, bool terminal = false);

shim::ObjectId id_of(unsigned number);
bool is_root();
/// Polls until `condition` holds; false after 10 s.
bool eventually(const std::function<bool()>& condition);

}  // namespace berth::pid1::test
