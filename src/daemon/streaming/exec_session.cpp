// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/exec_session.hpp"

#include <fcntl.h>

#include "base/cat.hpp"
#include "base/log.hpp"
#include "daemon/ops/exec_ending.hpp"
#include "daemon/ops/exec_process.hpp"
#include "daemon/streaming/stream_pipe.hpp"

namespace berth::daemon::streaming {
namespace {

constexpr std::chrono::seconds kReapPatience{10};

Result<ProgramEnds> launch(ExecProcess& exec, const cri::ExecRequest& request) {
  ExecProcess::Command command;
  command.args.assign(request.cmd().begin(), request.cmd().end());
  command.terminal = request.tty();
  ProgramEnds ends;
  if (!request.tty()) {
    if (request.stdin()) {
      ASSIGN_OR_RETURN(command.stdio[0], pipe_to(ends.in));
    }
    if (request.stdout()) {
      ASSIGN_OR_RETURN(command.stdio[1], pipe_from(ends.out));
    }
    if (request.stderr()) {
      ASSIGN_OR_RETURN(command.stdio[2], pipe_from(ends.err));
    }
  }
  ASSIGN_OR_RETURN(UniqueFd master, exec.launch(std::move(command)));
  if (!request.tty()) return ends;
  ends.out_is_terminal = true;
  if (request.stdin()) ends.in.reset(::fcntl(master.get(), F_DUPFD_CLOEXEC, 0));
  ends.out = std::move(master);
  return ends;
}

const char* reason_of(RemoteSession::Ending ending) {
  switch (ending) {
    case RemoteSession::Ending::kClientGone:
      return "its client has gone";
    case RemoteSession::Ending::kIdle:
      return "nothing has moved for too long";
    default:
      return "the daemon stops";
  }
}

RemoteStatus run(Services& with, RemoteSession& session, const cri::ExecRequest& request) {
  auto exec = ExecProcess::create(with, request.container_id(), {request.cmd().begin(), request.cmd().end()});
  if (!exec) return RemoteStatus::failed(exec.error());
  const ExecEnding ending(with.execs, (*exec)->id());
  auto ends = launch(**exec, request);
  if (!ends) return RemoteStatus::failed(ends.error());
  const auto ended = session.relay(*std::move(ends), ending.fd());
  if (ended == RemoteSession::Ending::kProgramEnded && ending.ended()) {
    (*exec)->kill_rest();
    return RemoteStatus::exited(ending.exit_code());
  }
  (*exec)->kill();
  ending.wait(kReapPatience);
  const Error killed(Code::kCancelled, cat((*exec)->story(), ": killed, because ", reason_of(ended)));
  log::info("exec killed", {{"error", killed.to_string()}});
  return RemoteStatus::failed(killed);
}

}  // namespace

void serve_exec(Services& with, ClientSocket& client, const Upgrade& upgrade, const cri::ExecRequest& request,
                std::string early, RemoteSession::Limits limits) {
  const WantedChannels wanted{request.stdin(), request.stdout(), request.stderr() && !request.tty(),
                              request.tty()};
  RemoteSession session(client, upgrade, wanted, std::move(early), limits);
  if (session.wait_for_channels()) session.finish(run(with, session, request));
}

}  // namespace berth::daemon::streaming
