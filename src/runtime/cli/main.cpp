// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <csignal>
#include <string>
#include <vector>

#include "runtime/cli/verb.hpp"

namespace {

/// A caller may have closed them; what is opened next would become the container's stdin.
void settle_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", O_RDWR | O_CLOEXEC);
  }
}

}  // namespace

int main(int argc, char** argv, char** environment) {
  settle_streams();
  // What the caller made of these two would break waiting for children and writing to pipes.
  std::signal(SIGCHLD, SIG_DFL);
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> line(argv + (argc > 0 ? 1 : 0), argv + argc);
  return berth::runtime::cli::run_command_line(line, environment);
}
