// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim_reaper.hpp"

#include <sys/epoll.h>
#include <sys/wait.h>

#include <memory>
#include <mutex>

namespace berth::runtime {
namespace {

/// Owned by its own callback: gone when that is removed, or with the reactor.
struct Watched {
  UniqueFd pidfd;
  std::mutex mutex;  // held until the token is known: the process may end before
  Reactor::Token token = 0;
};

}  // namespace

void reap_when_it_ends(Reactor& reactor, const ProcessId& process) {
  auto pidfd = open_process(process);
  if (!pidfd) return;
  const auto watched = std::make_shared<Watched>();
  watched->pidfd = *std::move(pidfd);
  const std::lock_guard lock(watched->mutex);
  auto token = reactor.watch(watched->pidfd.get(), EPOLLIN, [&reactor, watched](std::uint32_t) {
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(watched->pidfd.get()), &info, WEXITED | WNOHANG);
    Reactor::Token mine = 0;
    {
      const std::lock_guard own(watched->mutex);
      mine = watched->token;
    }
    reactor.remove(mine);
  });
  if (token) watched->token = *token;
}

}  // namespace berth::runtime
