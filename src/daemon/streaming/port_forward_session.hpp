// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "daemon/cri.hpp"
#include "daemon/ops/services.hpp"
#include "daemon/streaming/client_socket.hpp"
#include "daemon/streaming/http_upgrade.hpp"
#include "daemon/streaming/pod_connection.hpp"
#include "daemon/streaming/port_channels.hpp"
#include "daemon/streaming/remote_session.hpp"

namespace berth::daemon::streaming {

/// One client of PortForward, on the calling thread: any number of connections to ports of one pod.
/// What waits for a connection is bounded; a full one holds the whole client up, because the protocol
/// knows no other way.
class PortForwardSession : private PortEvents {
 public:
  /// `network`: the pod's network namespace; absent: the host's.
  PortForwardSession(ClientSocket& client, const Upgrade& upgrade, const cri::PortForwardRequest& request,
                     UniqueFd network, RemoteSession::Limits limits);
  void run(std::string early);

 private:
  void opened(std::uint32_t key, std::uint16_t port) override;
  void data(std::uint32_t key, std::string_view bytes) override;
  void ended(std::uint32_t key) override;
  void cancelled(std::uint32_t key) override;
  void goodbye() override { gone_ = true; }

  void begin_new();
  void wait();
  void take(std::span<char> bytes);
  void serve_client(short happened);
  void serve_pod(std::uint32_t key, short happened);
  void read_pod(std::uint32_t key, PodConnection& connection);
  void broken(std::uint32_t key, const PodConnection& connection, const Error& why);
  bool is_full() const;

  ClientSocket& client_;
  const UniqueFd network_;
  const RemoteSession::Limits limits_;
  OutQueue out_;
  std::map<std::uint32_t, PodConnection> connections_;
  std::unique_ptr<PortChannels> channels_;
  const std::unique_ptr<char[]> buffer_;
  std::chrono::steady_clock::time_point active_ = std::chrono::steady_clock::now();
  bool gone_ = false;
};

void serve_port_forward(Services& with, ClientSocket& client, const Upgrade& upgrade,
                        const cri::PortForwardRequest& request, std::string early,
                        RemoteSession::Limits limits);

}  // namespace berth::daemon::streaming
