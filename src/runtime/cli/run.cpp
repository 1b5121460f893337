// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "runtime/cli/create_container.hpp"
#include "runtime/cli/report.hpp"
#include "runtime/cli/run_container.hpp"
#include "runtime/cli/start_container.hpp"
#include "runtime/cli/supervise.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kRunOptions[] = {
    {"bundle", 'b', "DIR", "Directory of config.json [.]"},
    {"detach", 'd', "", "Return when the program runs"},
    {"keep", '\0', "", "Do not delete the container when its program has ended"},
    {"console-socket", '\0', "PATH", "Where the terminal's master is sent"},
    {"pid-file", '\0', "FILE", "Gets the number of the container's process"},
    {"preserve-fds", '\0', "N", "Pass descriptors 3 to 3+N-1 on"},
    {"no-new-keyring", '\0', "", "Keep the caller's session keyring"},
    {"no-subreaper", '\0', "", "Accepted; this process never is one"},
    {"no-pivot", '\0', "", "Move the root over /: where that is a ramdisk"},
};

/// The error that matters is the one that led here.
void destroy_after_run(Container& container) {
  auto gone = container.destroy();
  if (!gone) warn(container.context().globals, std::move(gone).error());
}

/// Others may change the container while its program runs; one of them may have deleted it.
Result<int> wait_for_program(CreatedContainer& created, const UniqueFd& signals, bool keep) {
  Container& container = created.container;
  container.unlock();
  ASSIGN_OR_RETURN(const int status, supervise(created.child.pidfd(), signals, std::move(created.terminal)));
  if (keep) return status;
  if (auto locked = container.lock(); locked) {
    destroy_after_run(container);
  } else if (locked.error().code() != Code::kNotFound) {
    warn(container.context().globals, std::move(locked).error());
  }
  return status;
}

Result<int> run_run(const Context& context) {
  ASSIGN_OR_RETURN(CreateRequest request, read_create_request(context));
  return run_container(context, std::move(request));
}

}  // namespace

Result<int> run_container(const Context& context, CreateRequest request) {
  const bool detached = context.arguments.has("detach");
  request.opens_gate = true;
  request.keeps_terminal = !detached;
  UniqueFd signals;
  if (!detached) {
    ASSIGN_OR_RETURN(signals, hold_signals());
  }
  ASSIGN_OR_RETURN(CreatedContainer created, create_container(context, request));
  // What is restored runs already.
  if (request.images == nullptr) {
    auto started = start_container(created.container, created.child);
    if (!started) {
      destroy_after_run(created.container);
      return std::move(started).error();
    }
  }
  if (detached) return 0;
  return wait_for_program(created, signals, context.arguments.has("keep"));
}

const Verb kRun = {"run",       "CONTAINER", "Create and start a container, and wait for its end",
                   kRunOptions, 1,           1,
                   false,       run_run};

}  // namespace berth::runtime::cli
