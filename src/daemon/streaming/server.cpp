// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/server.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <map>

#include "base/cat.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "daemon/streaming/connection.hpp"
#include "daemon/streaming/listener.hpp"

namespace berth::daemon::streaming {
namespace {

constexpr std::size_t kMaxSilent = 1024;  // connections on which nothing was said yet
constexpr std::chrono::seconds kSilencePatience{10};
constexpr std::chrono::milliseconds kRetry{200};
constexpr int kAcceptBatch = 64;

bool is_out_of_resources(int err) {
  return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

/// What URLs name: an address that can be connected to.
std::string reachable(const std::string& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  return address == "::" ? "::1" : address;
}

}  // namespace

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(Services& services, UniqueFd stop_fd)
      : with(services), stop(std::move(stop_fd)), serving{services, stop.get()} {
    guard.lock()->sessions =
        std::make_unique<Lane>(Lane::Options{.name = "stream",
                                             .min_threads = 0,
                                             .max_threads = services.config.stream_max_sessions,
                                             .queue_limit = 0});
  }

  /// A connection whose client has not spoken.
  struct Silent {
    UniqueFd socket;
    Reactor::Token watch = 0;
    Reactor::Token timer = 0;
  };
  struct Guard {
    std::unique_ptr<Lane> sessions;  // absent: the server is stopping
    Reactor::Token accepting = 0;
    Listener listener;
    std::uint64_t next = 1;
    std::map<std::uint64_t, Silent> silent;  // oldest first
  };

  Services& with;
  UniqueFd stop;
  Serving serving;
  std::unique_ptr<TlsFiles> tls;
  Guarded<Guard> guard;
  std::uint16_t port = 0;

  Result<void> open();
  void reopen();
  void accept_clients(std::uint32_t events);
  void hold(UniqueFd socket);
  void drop(std::uint64_t id) { (void)release(id); }
  UniqueFd release(std::uint64_t id);
  void client_spoke(std::uint64_t id);
  void listener_failed(int err);
};

Result<void> Server::State::open() {
  const Config& config = with.config;
  const auto asked = static_cast<std::uint16_t>(port != 0 ? port : config.stream_port);
  ASSIGN_OR_RETURN(Listener made, listen_on(config.stream_address, asked));
  port = made.port;
  ASSIGN_OR_RETURN(const auto token, with.reactor->watch(made.socket.get(), EPOLLIN,
                                                         [self = weak_from_this()](std::uint32_t events) {
                                                           if (const auto state = self.lock())
                                                             state->accept_clients(events);
                                                         }));
  {
    auto access = guard.lock();
    access->listener = std::move(made);
    access->accepting = token;
  }
  with.streams.serve_at(
      cat(tls ? "https://" : "http://", host_and_port(reachable(config.stream_address), port)));
  return {};
}

/// On the reactor: at once, and then until it works.
void Server::State::reopen() {
  if (!guard.lock()->sessions) return;
  auto opened = open();
  if (opened) return log::info("the streaming server listens again");
  with.streams.fail(std::move(opened).error());
  with.reactor->after(kRetry, [self = weak_from_this()] {
    if (const auto state = self.lock()) state->reopen();
  });
}

void Server::State::listener_failed(int err) {
  log::error("the streaming server cannot accept clients", {{"error", errno_text(err)}});
  Reactor::Token token = 0;
  {
    auto access = guard.lock();
    token = std::exchange(access->accepting, 0);
  }
  with.reactor->remove(token);
  guard.lock()->listener.socket.reset();
  with.streams.fail(Error::from_errno(err, "accept", "streaming clients"));
  // Without descriptors or memory a new listener has no better luck right now.
  with.reactor->after(is_out_of_resources(err) ? kRetry : std::chrono::milliseconds(0),
                      [self = weak_from_this()] {
                        if (const auto state = self.lock()) state->reopen();
                      });
}

void Server::State::accept_clients(std::uint32_t) {
  const int listener = guard.lock()->listener.socket.get();
  for (int i = 0; i < kAcceptBatch; ++i) {
    UniqueFd socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) {
      hold(std::move(socket));
      continue;
    }
    if (errno == EAGAIN) return;
    if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK || is_out_of_resources(errno))
      return listener_failed(errno);
    // Anything else is the end of one connection.
  }
}

void Server::State::hold(UniqueFd socket) {
  const int fd = socket.get();
  std::uint64_t id = 0;
  std::uint64_t oldest = 0;
  {
    auto access = guard.lock();
    if (!access->sessions) return;
    id = access->next++;
    access->silent[id].socket = std::move(socket);
    if (access->silent.size() > kMaxSilent) oldest = access->silent.begin()->first;
  }
  if (oldest != 0) drop(oldest);
  const auto timer = with.reactor->after(kSilencePatience, [self = weak_from_this(), id] {
    if (const auto state = self.lock()) state->drop(id);
  });
  const auto watch = with.reactor->watch(fd, EPOLLIN, [self = weak_from_this(), id](std::uint32_t) {
    if (const auto state = self.lock()) state->client_spoke(id);
  });
  auto access = guard.lock();
  // All of this runs on the reactor: the callbacks come later.
  if (const auto found = access->silent.find(id); found != access->silent.end()) {
    found->second.timer = timer;
    found->second.watch = watch ? *watch : 0;
  }
}

UniqueFd Server::State::release(std::uint64_t id) {
  Silent silent;
  {
    auto access = guard.lock();
    auto node = access->silent.extract(id);
    if (node.empty()) return {};
    silent = std::move(node.mapped());
  }
  with.reactor->remove(silent.timer);
  with.reactor->remove(silent.watch);
  return std::move(silent.socket);
}

void Server::State::client_spoke(std::uint64_t id) {
  auto socket = std::make_shared<UniqueFd>(release(id));
  if (!*socket) return;
  const int fd = socket->get();
  {
    // The server's end waits for the lane, so the task needs no share in what it uses.
    auto access = guard.lock();
    const bool taken = access->sessions && access->sessions->try_post([this, socket] {
      serve_connection(serving, std::move(*socket), tls.get());
    });
    if (taken) return;
  }
  metrics::count("stream_refused", "sessions");
  if (!tls) {
    constexpr std::string_view kBusy =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    (void)::send(fd, kBusy.data(), kBusy.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

Server::Server(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Server>> Server::start(Services& with) {
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return Error::from_errno(errno, "eventfd", "for the streaming server");
  auto state = std::make_shared<State>(with, std::move(stop));
  const Config& config = with.config;
  if (!config.stream_tls_certificate.empty()) {
    state->tls = std::make_unique<TlsFiles>(config.stream_tls_certificate, config.stream_tls_key,
                                            config.stream_tls_min_version);
    RETURN_IF_ERROR(state->tls->current());
  }
  if (!config.stream_address.empty()) RETURN_IF_ERROR(state->open());
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::~Server() {
  std::unique_ptr<Lane> sessions;
  Reactor::Token accepting = 0;
  std::map<std::uint64_t, State::Silent> silent;
  {
    auto access = state_->guard.lock();
    sessions = std::move(access->sessions);
    accepting = access->accepting;
    silent.swap(access->silent);
  }
  state_->with.reactor->remove(accepting);
  for (auto& [id, connection] : silent) {
    state_->with.reactor->remove(connection.timer);
    state_->with.reactor->remove(connection.watch);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto told = ::write(state_->stop.get(), &one, sizeof one);
  sessions.reset();
}

}  // namespace berth::daemon::streaming
