// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "base/cat.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/signal_names.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kKillOptions[] = {{"all", 'a', "", "Every process of the container's cgroup"}};

Result<void> signal_all(Container& container, int number) {
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
  const std::string& group = container.record().cgroup;
  if (number == SIGKILL) return cgroups->kill(group);
  for (const int pid : cgroups->processes(group)) {
    const auto process = identify_process(pid);
    if (!process) continue;  // ended meanwhile
    const auto pidfd = open_process(*process);
    if (pidfd) RETURN_IF_ERROR(signal_process(pidfd->get(), number));
  }
  return {};
}

Result<int> run_kill(const Context& context) {
  const auto& words = context.arguments.words;
  ASSIGN_OR_RETURN(const int number, parse_signal(words.size() > 1 ? words[1] : "TERM"));
  ASSIGN_OR_RETURN(Container container, Container::open(context, words.front()));
  const Status status = container.status();
  const bool all = context.arguments.has("all");
  if (status == Status::kCreating || (status == Status::kStopped && !all)) {
    return Error(Code::kFailedPrecondition, cat("cannot kill container ", container.id(),
                                                ": container not running (it is ", status_name(status), ")"));
  }
  // Without a cgroup it has a PID namespace of its own, which ends with its first process.
  const bool by_namespace = number == SIGKILL && container.record().cgroup.empty();
  if (all && !by_namespace) {
    RETURN_IF_ERROR(signal_all(container, number));
  } else {
    ASSIGN_OR_RETURN(const UniqueFd process, container.process());
    RETURN_IF_ERROR(signal_process(process.get(), number));
  }
  if (number == SIGKILL && status == Status::kPaused) {
    // In v1 what is frozen dies only when it thaws.
    ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
    RETURN_IF_ERROR(cgroups->thaw(container.record().cgroup));
  }
  return 0;
}

}  // namespace

const Verb kKill = {"kill",
                    "CONTAINER [SIGNAL]",
                    "Send a signal to the container's process [TERM]",
                    kKillOptions,
                    1,
                    2,
                    false,
                    run_kill};

}  // namespace berth::runtime::cli
