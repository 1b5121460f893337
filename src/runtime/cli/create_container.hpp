// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/criu.hpp"
#include "runtime/cli/launched_child.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {

struct CreateRequest {
  std::string id;
  std::string bundle = ".";
  std::string pid_file;
  std::string console_socket;
  bool no_new_keyring = false;
  bool no_pivot = false;
  std::vector<int> preserved;                 ///< descriptors for the container: 3, 4, ...
  std::vector<std::string> more_environment;  ///< LISTEN_FDS
  bool opens_gate = false;      ///< this process starts it, too: no pipes in the state directory
  CriuJob* images = nullptr;    ///< restored from them, and runs at once; borrowed
  bool keeps_terminal = false;  ///< this process stays, and holds the terminal's master
};

/// A container whose process waits at the gate.
struct CreatedContainer {
  Container container;
  LaunchedChild child;
  UniqueFd terminal;  ///< with `keeps_terminal` and process.terminal: the master
};

/// The flags that `create` and `run` share, as a request. kUnimplemented for what is not supported.
Result<CreateRequest> read_create_request(const Context& context);

/// Makes everything that the container needs and runs the hooks up to createContainer. On error
/// nothing is left of it.
Result<CreatedContainer> create_container(const Context& context, const CreateRequest& request);

/// Descriptors 3 to 3 + N - 1 for the container, those of LISTEN_FDS included.
struct PassedDescriptors {
  std::vector<int> fds;
  std::vector<std::string> environment;
};
Result<PassedDescriptors> passed_descriptors(const Context& context);

/// Our own 0 to 2 for a container without a terminal. The host's /dev/null becomes the container's.
std::array<int, 3> own_streams();

/// "PID" in a file that is replaced as a whole.
Result<void> write_pid_file(const std::string& path, pid_t pid);

}  // namespace berth::runtime::cli
