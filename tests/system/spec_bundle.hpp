// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/reactor.hpp"
#include "runtime/plan.hpp"
#include "runtime/shim_binary.hpp"
#include "runtime/shim_client.hpp"
#include "tree.hpp"

namespace berth::testing {

/// What came of running a container.
struct Outcome {
  std::string error;  ///< why it was refused or did not start; empty: it ran
  int exit_code = -1;
  std::string output;  ///< of both streams, without the log's prefixes
  std::vector<std::string> warnings;

  bool has_line(const std::string& line) const {
    return ("\n" + output).find("\n" + line + "\n") != std::string::npos;
  }
};

/// A busybox root file system and a config.json, run through parser, compiler and the real shim: the
/// way of berth-oci, without its commands.
class Bundle {
 public:
  Bundle();
  ~Bundle();
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;

  /// The smallest config.json that runs `script` in new namespaces, changed by a JSON merge patch.
  Outcome run(const std::string& script, const std::string& patch = "{}");
  /// Of what is in the bundle's directory; `root/` is the root file system.
  std::string path(const std::string& name) const { return tree_.path(name); }
  const Tree& tree() const { return tree_; }
  runtime::CompileOptions options;

 private:
  void connect();
  Result<runtime::LaunchPlan> plan(const std::string& config);

  Tree tree_;
  runtime::ShimBinary binary_;
  std::unique_ptr<Reactor> reactor_;
  std::shared_ptr<runtime::ShimClient> client_;
  std::unique_ptr<std::promise<int>> exited_;
  ProcessId process_;
  unsigned runs_ = 0;
};

}  // namespace berth::testing
