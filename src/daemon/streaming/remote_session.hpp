// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.hpp"
#include "daemon/streaming/client_socket.hpp"
#include "daemon/streaming/http_upgrade.hpp"
#include "daemon/streaming/remote_channels.hpp"
#include "daemon/streaming/remote_status.hpp"

namespace berth::daemon::streaming {

/// The program's side of an exec or attach. Descriptors that never block.
struct ProgramEnds {
  UniqueFd in, out, err;  ///< absent: nothing to write or read there
  UniqueFd terminal;      ///< absent: none, or it is `out`
  bool out_is_terminal = false;
};

/// One client of an exec or attach, on the calling thread: carries bytes between its channels and a
/// program until one of them is done. What waits in either direction is bounded; who does not read
/// is not read from.
class RemoteSession : private ChannelEvents {
 public:
  struct Limits {
    std::chrono::seconds idle{4 * 3600};  ///< without a byte in any direction
    int stop_fd = -1;                     ///< readable when the daemon stops
  };
  enum class Ending : unsigned char {
    kProgramEnded,  ///< all it wrote has been taken
    kClientGone,
    kIdle,
    kStopped,
  };
  static constexpr std::chrono::seconds kCreationPatience{30};

  /// `early`: what the client sent right behind its HTTP request.
  RemoteSession(ClientSocket& client, const Upgrade& upgrade, WantedChannels wanted, std::string early,
                Limits limits);

  /// Waits until the client has opened its channels; false when it does not.
  bool wait_for_channels();
  /// `ended_fd` turns readable when the program's main process has ended; -1: only the ends of its
  /// output count. Descendants that hold the output do not hold the session.
  Ending relay(ProgramEnds program, int ended_fd, const std::function<void()>& stdin_ended = {});
  /// When the program's side of the output was closed, however long what it wrote was on its way after that.
  std::chrono::system_clock::time_point output_ended() const {
    return output_ended_.value_or(std::chrono::system_clock::now());
  }
  /// Tells the client, waits until it knows, and hangs up.
  void finish(const RemoteStatus& status);

 private:
  struct Poll;
  void stdin_bytes(std::string_view bytes) override;
  void stdin_ended() override;
  void resized(std::uint16_t columns, std::uint16_t rows) override;
  void goodbye() override { gone_ = true; }

  void take(std::span<char> bytes);
  void read_client();
  void write_client();
  void write_stdin();
  void read_output(UniqueFd& from, Channel channel);
  void apply_size();
  void fill(Poll& poll, int ended_fd) const;
  void serve(const Poll& poll);
  bool wants_client() const;

  ClientSocket& client_;
  const Limits limits_;
  OutQueue out_;
  OutQueue stdin_;
  std::unique_ptr<RemoteChannels> channels_;
  std::string early_;
  const std::unique_ptr<char[]> buffer_;
  ProgramEnds program_;
  std::function<void()> on_stdin_end_;
  std::chrono::steady_clock::time_point active_ = std::chrono::steady_clock::now();
  std::optional<std::chrono::system_clock::time_point> output_ended_;
  std::size_t last_words_ = 0;  ///< bytes of output since the program's end
  bool stdin_done_ = false;     ///< the client sends no more
  bool gone_ = false;
  bool has_program_ = false;
  std::uint16_t columns_ = 0, rows_ = 0;  ///< asked for before there was a terminal
};

}  // namespace berth::daemon::streaming
