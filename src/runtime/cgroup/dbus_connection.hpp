// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/cgroup/dbus_message.hpp"

namespace berth::runtime::cgroup {

/// A D-Bus connection over a unix socket, as the user that we are. Blocks, until its deadline at most
/// (kDeadlineExceeded). kUnavailable when the other side is not there or hangs up.
class DbusConnection {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  static Result<DbusConnection> open(const std::string& socket_path, Deadline deadline);

  /// The call's serial number.
  Result<std::uint32_t> send(const DbusCall& call);
  /// The next message, whatever it is.
  Result<DbusMessage> receive();

 private:
  explicit DbusConnection(UniqueFd socket, Deadline deadline)
      : socket_(std::move(socket)), deadline_(deadline) {}
  Result<void> authenticate();
  Result<void> read_more();
  Result<void> write_all(std::string_view bytes);
  Result<void> wait_for(short events) const;
  std::chrono::milliseconds left() const {
    return std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
  }

  UniqueFd socket_;
  Deadline deadline_;
  std::uint32_t serial_ = 0;
  std::string received_;
};

}  // namespace berth::runtime::cgroup
