// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "base/cat.hpp"
#include "pid1/launch_protocol.h"
#include "runtime/cli/create_container.hpp"

namespace berth::runtime::cli {
namespace {

/// systemd's protocol: the descriptors are for this process, which hands them on.
std::int64_t listen_count(char** environment) {
  const std::string_view count = variable(environment, "LISTEN_FDS");
  const std::string_view pid = variable(environment, "LISTEN_PID");
  if (!pid.empty() && pid != std::to_string(::getpid())) return 0;
  std::int64_t number = 0;
  std::from_chars(count.data(), count.data() + count.size(), number);
  return number > 0 ? number : 0;
}

}  // namespace

Result<PassedDescriptors> passed_descriptors(const Context& context) {
  PassedDescriptors passed;
  const std::int64_t listening = listen_count(context.environment);
  ASSIGN_OR_RETURN(const auto more, context.arguments.number("preserve-fds"));
  const std::int64_t count = listening + more.value_or(0);
  if (count > launch::kMaxPreserved) {
    return Error(Code::kInvalidArgument, cat("--preserve-fds and LISTEN_FDS are ", count,
                                             " descriptors, more than ", launch::kMaxPreserved));
  }
  for (int fd = 3; fd < 3 + count; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0)
      return Error(Code::kInvalidArgument, cat("descriptor ", fd, " is to be preserved, but is not open"));
    passed.fds.push_back(fd);
  }
  if (listening > 0) passed.environment = {cat("LISTEN_FDS=", listening), "LISTEN_PID=1"};
  return passed;
}

Result<CreateRequest> read_create_request(const Context& context) {
  const Arguments& line = context.arguments;
  CreateRequest request;
  request.id = line.words.front();
  request.bundle = line.text("bundle", ".");
  request.pid_file = line.text("pid-file");
  request.console_socket = line.text("console-socket");
  request.no_new_keyring = line.has("no-new-keyring");
  request.no_pivot = line.has("no-pivot");
  ASSIGN_OR_RETURN(PassedDescriptors passed, passed_descriptors(context));
  request.preserved = std::move(passed.fds);
  request.more_environment = std::move(passed.environment);
  return request;
}

}  // namespace berth::runtime::cli
