// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "daemon/streaming/attach_session.hpp"
#include "daemon/streaming/exec_session.hpp"
#include "daemon/streaming/port_forward_session.hpp"

namespace berth::daemon::streaming {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kRequestPatience{10};
constexpr std::chrono::seconds kRefusalPatience{1};

/// Until something happens on the connection; false when the time is over or the daemon stops.
bool wait_for(const ClientSocket& client, short events, int stop_fd, steady_clock::time_point until) {
  if (events == POLLIN && client.has_buffered()) return true;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
  if (left <= 0) return false;
  pollfd fds[2] = {{client.fd(), events, 0}, {stop_fd, POLLIN, 0}};
  return ::poll(fds, 2, static_cast<int>(left)) > 0 && fds[1].revents == 0;
}

/// What came until the end of the request's head, and whatever came behind it; "" for a client that
/// does not speak HTTP, or not soon enough.
std::string read_request(ClientSocket& client, int stop_fd, steady_clock::time_point until) {
  std::string received;
  char part[4096];
  while (wait_for(client, POLLIN, stop_fd, until)) {
    std::size_t count = 0;
    const auto io = client.read(part, count);
    if (io == ClientSocket::Io::kGone) return {};
    if (io == ClientSocket::Io::kAgain) continue;
    received.append(part, count);
    if (http_head_size(received)) return received;
    if (received.size() > kMaxHttpHead) return {};
  }
  return {};
}

bool write_all(ClientSocket& client, std::string_view bytes, int stop_fd, steady_clock::time_point until) {
  OutQueue out;
  out.add(bytes);
  for (;;) {
    const auto io = client.write(out);
    if (io == ClientSocket::Io::kDone) return true;
    if (io == ClientSocket::Io::kGone || !wait_for(client, POLLOUT, stop_fd, until)) return false;
  }
}

void refuse(ClientSocket& client, const HttpRefusal& refusal, int stop_fd) {
  metrics::count("stream_refused", "request");
  log::debug("stream refused", {{"status", std::to_string(refusal.status)}, {"reason", refusal.reason}});
  const auto until = steady_clock::now() + kRefusalPatience;
  if (!write_all(client, refusal.text(), stop_fd, until)) return;
  client.end_writing();
  char rest[4096];
  std::size_t count = 0;
  while (wait_for(client, POLLIN, stop_fd, until) && client.read(rest, count) != ClientSocket::Io::kGone) {
  }
}

/// The request behind the URL, after the answer that both sides now speak something else.
std::optional<StreamRequest> accept_request(const Serving& serving, ClientSocket& client,
                                            std::string_view head, std::optional<Upgrade>& upgrade) {
  HttpRefusal refusal;
  upgrade = negotiate_upgrade(head, refusal);
  std::optional<StreamRequest> request;
  if (upgrade) {
    request = serving.with.streams.take(upgrade->kind, upgrade->token);
    refusal = {404, "the URL is not known, was used before, or is too old", ""};
  }
  if (!request) {
    refuse(client, refusal, serving.stop_fd);
    return std::nullopt;
  }
  const auto until = steady_clock::now() + kRequestPatience;
  if (!write_all(client, upgrade->answer, serving.stop_fd, until)) return std::nullopt;
  return request;
}

void serve_session(const Serving& serving, ClientSocket& client, const Upgrade& upgrade,
                   const StreamRequest& request, std::string early) {
  const RemoteSession::Limits limits{std::chrono::seconds(serving.with.config.stream_idle_timeout),
                                     serving.stop_fd};
  if (const auto* exec = std::get_if<cri::ExecRequest>(&request))
    return serve_exec(serving.with, client, upgrade, *exec, std::move(early), limits);
  if (const auto* attach = std::get_if<cri::AttachRequest>(&request))
    return serve_attach(serving.with, client, upgrade, *attach, std::move(early), limits);
  serve_port_forward(serving.with, client, upgrade, std::get<cri::PortForwardRequest>(request),
                     std::move(early), limits);
}

}  // namespace

void serve_connection(const Serving& serving, UniqueFd socket, TlsFiles* tls) {
  const int on = 1;
  (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ClientSocket client(std::move(socket));
  const auto until = steady_clock::now() + kRequestPatience;
  if (tls != nullptr) {
    const auto settings = tls->current();
    if (!settings || !client.start_tls(**settings, until)) return metrics::count("stream_refused", "tls");
  }
  std::string received = read_request(client, serving.stop_fd, until);
  const auto head = http_head_size(received);
  if (!head) return refuse(client, {400, "this is not an HTTP request", ""}, serving.stop_fd);
  std::optional<Upgrade> upgrade;
  const auto request = accept_request(serving, client, std::string_view(received).substr(0, *head), upgrade);
  if (!request) return;
  const auto begin = steady_clock::now();
  serve_session(serving, client, *upgrade, *request, received.substr(*head));
  metrics::observe("stream", upgrade->kind, steady_clock::now() - begin);
}

}  // namespace berth::daemon::streaming
