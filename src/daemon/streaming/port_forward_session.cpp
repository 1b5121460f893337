// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/port_forward_session.hpp"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>

#include "base/dir.hpp"
#include "base/log.hpp"

namespace berth::daemon::streaming {
namespace {

using std::chrono::steady_clock;
constexpr std::size_t kPortChunk = 256 << 10;
constexpr std::size_t kMaxQueued = 1 << 20;     // for one connection
constexpr std::size_t kMaxWaiting = 512 << 10;  // for the client, before pods are no longer read
constexpr std::size_t kMaxForClient = 2 << 20;  // and before the client is no longer read
constexpr std::chrono::seconds kTick{5};

std::unique_ptr<PortChannels> ports_for(const Upgrade& upgrade, const cri::PortForwardRequest& request,
                                        PortEvents& events, OutQueue& out) {
  if (!upgrade.websocket) return spdy_ports(events, out);
  if (upgrade.tunnel) return tunnelled_ports(events, out);
  return websocket_ports(upgrade.base64, {request.port().begin(), request.port().end()}, events, out);
}

}  // namespace

PortForwardSession::PortForwardSession(ClientSocket& client, const Upgrade& upgrade,
                                       const cri::PortForwardRequest& request, UniqueFd network,
                                       RemoteSession::Limits limits)
    : client_(client),
      network_(std::move(network)),
      limits_(limits),
      channels_(ports_for(upgrade, request, *this, out_)),
      buffer_(std::make_unique_for_overwrite<char[]>(kPortChunk)) {
  if (!upgrade.websocket || upgrade.tunnel) return;
  for (int i = 0; i < request.port_size(); ++i)
    opened(static_cast<std::uint32_t>(i), static_cast<std::uint16_t>(request.port(i)));
}

void PortForwardSession::run(std::string early) {
  take(early);
  while (!gone_) {
    wait();
    channels_->expire();
    if (channels_->is_over() && out_.empty()) break;
    if (steady_clock::now() >= active_ + limits_.idle) break;
  }
  client_.end_writing();
}

bool PortForwardSession::is_full() const {
  return out_.size() >= kMaxForClient || std::ranges::any_of(connections_, [](const auto& entry) {
           return entry.second.queued() >= kMaxQueued;
         });
}

void PortForwardSession::begin_new() {
  std::vector<std::uint32_t> fresh;
  for (const auto& [key, connection] : connections_) {
    if (connection.fd() < 0) fresh.push_back(key);
  }
  for (const auto key : fresh) serve_pod(key, 0);
}

void PortForwardSession::wait() {
  begin_new();
  std::vector<pollfd> fds;
  std::vector<std::uint32_t> keys;
  const int client_events = (is_full() ? 0 : POLLIN) | (out_.empty() ? 0 : POLLOUT) | POLLRDHUP;
  fds.push_back({client_.fd(), static_cast<short>(client_events), 0});
  fds.push_back({limits_.stop_fd, POLLIN, 0});
  const bool may_read = out_.size() < kMaxWaiting;
  for (const auto& [key, connection] : connections_) {
    const short wanted = connection.wanted(may_read);
    // One that nothing is wanted of would only repeat that the other side has gone.
    fds.push_back({wanted == 0 ? -1 : connection.fd(), wanted, 0});
    keys.push_back(key);
  }
  const bool buffered = client_.has_buffered() && !is_full();
  const auto tick = std::chrono::duration_cast<std::chrono::milliseconds>(kTick).count();
  ::poll(fds.data(), fds.size(), buffered ? 0 : static_cast<int>(tick));
  if (fds[1].revents != 0) gone_ = true;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (fds[i + 2].revents != 0) serve_pod(keys[i], fds[i + 2].revents);
  }
  serve_client(fds[0].revents);
}

void PortForwardSession::serve_client(short happened) {
  if (((happened & POLLIN) != 0 || client_.has_buffered()) && !is_full()) {
    std::size_t count = 0;
    const auto io = client_.read({buffer_.get(), kPortChunk}, count);
    if (io == ClientSocket::Io::kGone) gone_ = true;
    if (io == ClientSocket::Io::kDone) take({buffer_.get(), count});
  } else if ((happened & (POLLHUP | POLLERR | POLLRDHUP)) != 0) {
    gone_ = true;
  }
  const std::size_t before = out_.size();
  if (client_.write(out_) == ClientSocket::Io::kGone) gone_ = true;
  if (out_.size() != before) active_ = steady_clock::now();
}

void PortForwardSession::take(std::span<char> bytes) {
  active_ = steady_clock::now();
  auto understood = channels_->feed(bytes);
  if (understood) return;
  channels_->say_why(understood.error());
  (void)client_.write(out_);
  gone_ = true;
}

void PortForwardSession::serve_pod(std::uint32_t key, short happened) {
  const auto found = connections_.find(key);
  if (found == connections_.end()) return;
  PodConnection& connection = found->second;
  if (auto advanced = connection.advance(); !advanced) return broken(key, connection, advanced.error());
  if (connection.connected() && (happened & (POLLIN | POLLHUP | POLLERR)) != 0) read_pod(key, connection);
  const auto still = connections_.find(key);
  if (still == connections_.end() || !still->second.done()) return;
  channels_->finished(key);
  connections_.erase(still);
}

void PortForwardSession::read_pod(std::uint32_t key, PodConnection& connection) {
  std::size_t count = 0;
  switch (connection.read({buffer_.get(), kPortChunk}, count)) {
    case PodConnection::Input::kNothing:
      return;
    case PodConnection::Input::kBytes:
      active_ = steady_clock::now();
      return channels_->send(key, {buffer_.get(), count});
    case PodConnection::Input::kBroken:
      channels_->reset(key);
      connections_.erase(key);
      return;
    case PodConnection::Input::kEnd:
      channels_->end(key);
  }
}

/// A connection that stood is reset like any other; one that never came to be has a reason to tell.
void PortForwardSession::broken(std::uint32_t key, const PodConnection& connection, const Error& why) {
  if (connection.connected()) {
    channels_->reset(key);
  } else {
    log::info("port-forward failed", {{"error", why.to_string()}});
    channels_->fail(key, why.to_string());
  }
  connections_.erase(key);
}

void PortForwardSession::opened(std::uint32_t key, std::uint16_t port) {
  // Connecting begins in the next round: until the client knows that the stream stands, there is
  // nothing that it could be told about it.
  connections_.emplace(key, PodConnection(network_.get(), port));
}

void PortForwardSession::data(std::uint32_t key, std::string_view bytes) {
  const auto found = connections_.find(key);
  if (found == connections_.end()) return;
  found->second.send(bytes);
  if (found->second.fd() >= 0) serve_pod(key, 0);
}

void PortForwardSession::ended(std::uint32_t key) {
  const auto found = connections_.find(key);
  if (found == connections_.end()) return;
  found->second.end_sending();
  if (found->second.fd() >= 0) serve_pod(key, 0);
}

void PortForwardSession::cancelled(std::uint32_t key) {
  connections_.erase(key);
  channels_->finished(key);
}

void serve_port_forward(Services& with, ClientSocket& client, const Upgrade& upgrade,
                        const cri::PortForwardRequest& request, std::string early,
                        RemoteSession::Limits limits) {
  const auto pod = with.pods.find(request.pod_sandbox_id());
  if (!pod) return;  // removed since the URL was given out
  UniqueFd network;
  if (!(*pod)->record().host_network) {
    auto opened = open_at(kCwd, with.layout.netns((*pod)->id()), O_RDONLY);
    if (!opened) return log::warn("port-forward", {{"error", opened.error().to_string()}});
    network = *std::move(opened);
  }
  PortForwardSession session(client, upgrade, request, std::move(network), limits);
  session.run(std::move(early));
}

}  // namespace berth::daemon::streaming
