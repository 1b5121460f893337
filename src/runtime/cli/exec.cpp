// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <csignal>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cli/bundle.hpp"
#include "runtime/cli/console_socket.hpp"
#include "runtime/cli/container_plan.hpp"
#include "runtime/cli/create_container.hpp"
#include "runtime/cli/exec_process.hpp"
#include "runtime/cli/rootless.hpp"
#include "runtime/cli/supervise.hpp"
#include "runtime/cli/verb.hpp"
#include "runtime/oci/spec_check.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kExecOptions[] = {
    {"process", 'p', "FILE", "The process as JSON"},
    {"tty", 't', "", "With a terminal of its own"},
    {"user", 'u', "UID[:GID]", "As another user"},
    {"additional-gids", 'g', "GID", "A supplementary group; may be given again"},
    {"env", 'e', "K=V", "An environment variable; may be given again"},
    {"cwd", '\0', "DIR", "Working directory"},
    {"cap", 'c', "CAP", "One more capability; may be given again"},
    {"no-new-privs", '\0', "", "Set no_new_privs"},
    {"detach", 'd', "", "Return when the program runs"},
    {"pid-file", '\0', "FILE", "Gets the number of the process"},
    {"console-socket", '\0', "PATH", "Where the terminal's master is sent"},
    {"preserve-fds", '\0', "N", "Pass descriptors 3 to 3+N-1 on"},
    {"ignore-paused", '\0', "", "Also into a paused container, where it waits"},
    {"cgroup", '\0', "PATH", "A group below the container's"},
};
constexpr int kFailure = 255;  // what runc's exec ends with when there was nothing to end

Result<void> check_status(Container& container, bool ignore_paused) {
  const Status status = container.status();
  const bool fine = status == Status::kRunning || status == Status::kCreated ||
                    (status == Status::kPaused && ignore_paused);
  if (fine) return {};
  return Error(Code::kFailedPrecondition,
               cat("cannot exec in container ", container.id(), ": it is ", status_name(status)));
}

Result<std::string> exec_cgroup(Container& container, const Arguments& line) {
  const std::string below = line.text("cgroup");
  if (below.find(':') != std::string::npos || below.find("..") != std::string::npos)
    return Error(Code::kInvalidArgument,
                 cat("--cgroup is a path below the container's group, not \"", below, "\""));
  if (below.empty()) return group_for_more(container);
  RETURN_IF_ERROR(container.cgroups());
  return oci::clean_path(cat(container.record().cgroup, "/", below));
}

/// Waits for the execve; what becomes of the terminal in between.
Result<void> wait_for_program(LaunchedChild& child, const std::string& console_socket, UniqueFd& terminal) {
  bool executing = false;
  for (;;) {
    ASSIGN_OR_RETURN(LaunchedChild::Said said, child.next());
    if (said.kind == launch::Message::kTerminal && !console_socket.empty()) {
      RETURN_IF_ERROR(send_terminal(console_socket, said.fd.get()));
    } else if (said.kind == launch::Message::kTerminal) {
      terminal = std::move(said.fd);
    } else if (said.kind == launch::Message::kExecing) {
      executing = true;
    } else if (said.kind == 0 && executing) {
      return {};
    } else {
      return child.explain(said);
    }
  }
}

Result<void> check_exec_terminal(const Arguments& line, const oci::Process& process) {
  const bool socket = line.has("console-socket");
  if (process.terminal && line.has("detach") && !socket)
    return Error(Code::kInvalidArgument, "a terminal and --detach need --console-socket");
  if (socket && !process.terminal)
    return Error(Code::kInvalidArgument, "--console-socket needs a terminal (--tty)");
  return {};
}

Result<LaunchOrder> make_order(const Context& context, Container& container) {
  const Arguments& line = context.arguments;
  ASSIGN_OR_RETURN(const UniqueFd target, container.process());
  RETURN_IF_ERROR(enter_namespace_of(container, target.get()));
  ASSIGN_OR_RETURN(const oci::Spec* const spec, container.spec());
  ASSIGN_OR_RETURN(oci::Process process, exec_process(line, spec->process));
  RETURN_IF_ERROR(check_exec_terminal(line, process));
  ASSIGN_OR_RETURN(PassedDescriptors passed, passed_descriptors(context));
  for (std::string& entry : passed.environment) process.env.push_back(std::move(entry));
  const auto root =
      open_at(kCwd, cat("/proc/", container.record().process.pid, "/root"), O_PATH | O_DIRECTORY);
  if (root) complete_environment(root->get(), process);
  ASSIGN_OR_RETURN(const std::string cgroup, exec_cgroup(container, line));
  ASSIGN_OR_RETURN(const auto plan, compile_inside(container, *spec, process));
  ASSIGN_OR_RETURN(PlanResources resources, resources_inside(container, target.get(), cgroup));
  ASSIGN_OR_RETURN(LaunchOrder order, order_inside(std::move(*plan), std::move(resources)));
  if (!process.terminal) order.stdio = own_streams();
  order.preserved = std::move(passed.fds);
  return order;
}

/// The reason why there is no process is the one to tell, not that there is none to wait for.
Error ended(const LaunchedChild& child, Error why) {
  if (child.pidfd() < 0) return why;
  (void)signal_process(child.pidfd(), SIGKILL);
  (void)wait_for_end(child.pidfd());
  return why;
}

Result<int> run_exec(const Context& context) {
  const Arguments& line = context.arguments;
  ASSIGN_OR_RETURN(Container container, Container::open(context, line.words.front()));
  RETURN_IF_ERROR(check_status(container, line.has("ignore-paused")));
  UniqueFd signals;
  if (!line.has("detach")) {
    ASSIGN_OR_RETURN(signals, hold_signals());
  }
  ASSIGN_OR_RETURN(LaunchOrder order, make_order(context, container));
  ASSIGN_OR_RETURN(LaunchedChild child, LaunchedChild::start(std::move(order)));
  UniqueFd terminal;
  if (auto started = wait_for_program(child, line.text("console-socket"), terminal); !started)
    return ended(child, std::move(started).error());
  if (line.has("pid-file")) {
    auto written = write_pid_file(line.text("pid-file"), child.pid());
    if (!written) return ended(child, std::move(written).error());
  }
  if (line.has("detach")) return 0;
  return supervise(child.pidfd(), signals, std::move(terminal));
}

}  // namespace

const Verb kExec = {"exec",
                    "CONTAINER [COMMAND...]",
                    "Run a further program in a container",
                    kExecOptions,
                    1,
                    4096,
                    true,
                    run_exec,
                    kFailure};

}  // namespace berth::runtime::cli
