// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/exec_sync.hpp"

#include "base/cat.hpp"
#include "daemon/ops/exec_output.hpp"
#include "daemon/ops/exec_process.hpp"

namespace berth::daemon {

Result<void> exec_sync(Services& with, const Call& call, const cri::ExecSyncRequest& request,
                       cri::ExecSyncResponse& response) {
  if (request.timeout() < 0)
    return Error(Code::kInvalidArgument, cat("timeout ", request.timeout(), " is negative"));
  ExecProcess::Command command;
  command.args.assign(request.cmd().begin(), request.cmd().end());
  ASSIGN_OR_RETURN(const auto exec, ExecProcess::create(with, request.container_id(), command.args));
  ExecOutput output(with.execs, exec->id());
  const auto until = request.timeout() > 0
                         ? std::chrono::steady_clock::now() + std::chrono::seconds(request.timeout())
                         : std::chrono::steady_clock::time_point::max();
  ASSIGN_OR_RETURN(command.stdio[1], output.open_stdout());
  ASSIGN_OR_RETURN(command.stdio[2], output.open_stderr());
  ASSIGN_OR_RETURN([[maybe_unused]] const auto no_terminal, exec->launch(std::move(command), until));

  const ExecOutput::Ending ending =
      output.collect(until, call.cancelled, *response.mutable_stdout(), *response.mutable_stderr());
  if (ending == ExecOutput::Ending::kExited) {
    exec->kill_rest();
    response.set_exit_code(output.exit_code());
    return {};
  }
  exec->kill();
  output.wait_ended(std::chrono::seconds(10));
  if (ending == ExecOutput::Ending::kCancelled)
    return Error(Code::kCancelled, cat(exec->story(), ": the caller has gone; the command was killed"));
  return Error(Code::kDeadlineExceeded,
               cat(exec->story(), ": timeout of ", request.timeout(), " s reached; the command was killed"));
}

}  // namespace berth::daemon
