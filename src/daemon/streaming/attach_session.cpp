// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/attach_session.hpp"

#include <fcntl.h>

#include "daemon/ops/container_launch.hpp"
#include "daemon/streaming/stream_pipe.hpp"

namespace berth::daemon::streaming {
namespace {

constexpr int kQueue = 1 << 20;  // what the shim counts on
constexpr std::chrono::seconds kExitPatience{2};

struct Attached {
  std::shared_ptr<runtime::ShimClient> shim;
  ContainerPtr container;
  ProgramEnds ends;
};

/// What the container has, not what the request believes, says whether there is a terminal.
Result<Attached> attach_to(Services& with, const cri::AttachRequest& request) {
  Attached attached;
  ASSIGN_OR_RETURN(attached.container, with.containers.find(request.container_id()));
  const cri::ContainerConfig& config = attached.container->record().config;
  ASSIGN_OR_RETURN(const PodPtr pod, with.pods.find(attached.container->record().pod_id));
  ASSIGN_OR_RETURN(attached.shim, shim_of(*pod));
  runtime::ShimClient::AttachRequest ask;
  ask.id = attached.container->id();
  // Its end tells that of the container, also to who does not want to read it.
  ASSIGN_OR_RETURN(ask.out, pipe_from(attached.ends.out, kQueue));
  if (request.stderr() && !config.tty()) {
    ASSIGN_OR_RETURN(ask.err, pipe_from(attached.ends.err, kQueue));
  }
  ASSIGN_OR_RETURN(UniqueFd input, attached.shim->attach(std::move(ask), shim_deadline()));
  if (config.tty() && input) attached.ends.terminal.reset(::fcntl(input.get(), F_DUPFD_CLOEXEC, 0));
  if (request.stdin() && config.stdin()) attached.ends.in = std::move(input);
  return attached;
}

/// Whether the output ended because the container did: that is known here a moment later. A client that was
/// left behind may have needed until after the container's end to read what was meant for it before.
bool outlived_by_output(Container& container, std::chrono::system_clock::time_point output_ended) {
  if (!container.wait_exited(std::chrono::steady_clock::now() + kExitPatience)) return false;
  return std::chrono::nanoseconds(container.snapshot().finished_ns) <= output_ended.time_since_epoch();
}

}  // namespace

void serve_attach(Services& with, ClientSocket& client, const Upgrade& upgrade,
                  const cri::AttachRequest& request, std::string early, RemoteSession::Limits limits) {
  const WantedChannels wanted{request.stdin(), request.stdout(), request.stderr() && !request.tty(),
                              request.tty()};
  RemoteSession session(client, upgrade, wanted, std::move(early), limits);
  if (!session.wait_for_channels()) return;
  auto attached = attach_to(with, request);
  if (!attached) return session.finish(RemoteStatus::failed(std::move(attached).context("attach").error()));
  const ContainerPtr container = attached->container;
  bool ends_stdin = attached->ends.in && container->record().config.stdin_once();
  const auto end_stdin = [&] {
    if (!std::exchange(ends_stdin, false)) return;
    // Of a container that has just ended there is none.
    (void)attached->shim->end_stdin(container->id());
  };
  const auto ending = session.relay(std::move(attached->ends), -1, end_stdin);
  end_stdin();
  if (ending != RemoteSession::Ending::kProgramEnded) return;
  if (outlived_by_output(*container, session.output_ended())) return session.finish(RemoteStatus::exited(0));
  session.finish(RemoteStatus::failed(
      Error(Code::kResourceExhausted, "attach: the client read too slowly and was left behind")));
}

}  // namespace berth::daemon::streaming
