// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/start_container.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "pid1/launch_protocol.h"
#include "runtime/cli/container_namespaces.hpp"
#include "runtime/cli/hooks.hpp"
#include "runtime/cli/report.hpp"
#include "runtime/cli/rootless.hpp"
#include "runtime/plan.hpp"

namespace berth::runtime::cli {
namespace {

/// The caller's error is the one that counts.
Error destroyed(Container& container, Error why) {
  auto gone = container.destroy();
  if (!gone) warn(container.context().globals, std::move(gone).error());
  return why;
}

Result<void> run_start_hooks(Container& container, const oci::Spec& spec, int pidfd) {
  if (spec.hooks.start_container.empty()) return {};
  ASSIGN_OR_RETURN(const pid_t inside, inner_pid(container.record().process.pid));
  return run_hooks_inside({"startContainer", spec.hooks.start_container,
                           container.hook_state(Status::kCreated, inside), container.context().environment},
                          HookRights::kProgram, container, spec, pidfd);
}

Result<void> run_poststart_hooks(const Container& container, const oci::Spec& spec) {
  return run_hooks({"poststart", spec.hooks.poststart,
                    container.hook_state(Status::kRunning, container.record().process.pid),
                    container.context().environment});
}

Result<void> write_word(int gate) {
  if (::write(gate, "g", 1) == 1) return {};
  return Error::from_errno(errno, "open", "the container's gate");
}

/// What its process tells through the pipe; an end without a word is the process's own end.
Result<void> read_result(const UniqueFd& result, const Record& record) {
  bool executing = false;
  for (;;) {
    launch::Message message{};
    const ssize_t size = ::read(result.get(), &message, sizeof message);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error::from_errno(errno, "read", "what became of the start");
    if (size == 0 && executing) return {};
    if (size == 0) return Error(Code::kInternal, "the container's process ended before its program was run");
    if (size != static_cast<ssize_t>(sizeof message))
      return Error(Code::kInternal, "a start told half a word");
    if (message.kind == launch::Message::kExecing) executing = true;
    if (message.kind != launch::Message::kFailed) continue;
    std::vector<std::string> labels(record.first_label);
    labels.insert(labels.end(), record.labels.begin(), record.labels.end());
    return launch_failure(labels, message.failure.op_index, message.failure.err);
  }
}

Result<void> open_gate(const StateDir& dir, const Record& record) {
  // Without blocking: no reader means that the process is gone, not that it comes late.
  auto gate = open_at(dir.fd(), "gate", O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  if (!gate && gate.error().sys_errno() == ENXIO)
    return Error(Code::kFailedPrecondition, cat("the process of container ", dir.id(), " has ended"));
  if (!gate) return std::move(gate).error();
  ASSIGN_OR_RETURN(const UniqueFd result, open_at(dir.fd(), "result", O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  if (::fcntl(result.get(), F_SETFL, 0) != 0) return Error::from_errno(errno, "fcntl", "result");
  RETURN_IF_ERROR(write_word(gate->get()));
  auto started = read_result(result, record);
  ::unlinkat(dir.fd(), "gate", 0);
  ::unlinkat(dir.fd(), "result", 0);
  return started;
}

}  // namespace

Result<void> start_container(Container& container) {
  ASSIGN_OR_RETURN(const UniqueFd process, container.process());
  RETURN_IF_ERROR(enter_namespace_of(container, process.get()));
  ASSIGN_OR_RETURN(const oci::Spec* const spec, container.spec());
  if (auto ran = run_start_hooks(container, *spec, process.get()); !ran)
    return destroyed(container, std::move(ran).error());
  RETURN_IF_ERROR(open_gate(container.dir(), container.record()));
  if (auto ran = run_poststart_hooks(container, *spec); !ran)
    return destroyed(container, std::move(ran).error());
  return {};
}

Result<void> start_container(Container& container, LaunchedChild& child) {
  ASSIGN_OR_RETURN(const oci::Spec* const spec, container.spec());
  RETURN_IF_ERROR(run_start_hooks(container, *spec, child.pidfd()));
  RETURN_IF_ERROR(child.go());
  RETURN_IF_ERROR(child.wait_for_exec());
  return run_poststart_hooks(container, *spec);
}

}  // namespace berth::runtime::cli
