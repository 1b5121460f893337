// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/reactor.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/shim_codec.hpp"

namespace berth::runtime {

/// Requests and their answers over one seqpacket socket. Many threads may call; answers arrive in
/// any order on the reactor's thread, which wakes the right caller. Whatever is not well-formed
/// closes the connection: two sides that disagree about the protocol must not go on.
class ShimConnection : public std::enable_shared_from_this<ShimConnection> {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  /// On the reactor's thread, with no lock held; must not block.
  struct Handlers {
    std::function<void(const shim::ObjectState&)> exited;
    std::function<void()> pause_exited;
    std::function<void()> disconnected;  ///< at most once, and never after close()
  };
  struct Answer {
    shim::Reply reply{};
    std::vector<std::byte> body;
    std::vector<shim::ObjectState> items;
    UniqueFd fd;  ///< what came along
  };

  /// `name` is for errors: `shim of pod "..."`.
  ShimConnection(UniqueFd socket, std::string name, Reactor& reactor, Handlers handlers);
  ~ShimConnection();
  ShimConnection(const ShimConnection&) = delete;
  ShimConnection& operator=(const ShimConnection&) = delete;

  Result<void> open();  ///< starts listening for answers and events
  void close();  ///< waiting calls fail; no handler runs after it returned, except the one that called it

  /// Sends one request with descriptors, which are closed here as soon as they are sent, and waits
  /// for its answer. kUnavailable: the connection is or gets lost; kDeadlineExceeded: the answer,
  /// should it come, is dropped. An errno in the answer is not an error here.
  Result<Answer> call(shim::Type type, Bytes body, std::vector<UniqueFd> fds, Deadline deadline);
  bool connected() const;
  const std::string& name() const { return name_; }

 private:
  struct Pending {
    std::condition_variable wake;
    bool done = false;
    bool lost = false;
    Answer answer;
  };

  Result<void> send(const std::vector<std::byte>& packet, const std::vector<UniqueFd>& fds,
                    Deadline deadline) const;
  void receive(std::uint32_t events);
  Result<bool> receive_one();
  Result<void> dispatch(Bytes packet, UniqueFd fd);
  Result<void> take_answer(const ShimMessage& message, UniqueFd fd);
  Result<void> take_event(const ShimMessage& message) const;
  void lose(const std::string& reason);
  void fail_all();
  Error gone() const;

  const UniqueFd socket_;
  const std::string name_;
  Reactor& reactor_;
  const Handlers handlers_;

  mutable std::mutex mutex_;
  std::map<std::uint64_t, Pending*> pending_;  // each lives on its caller's stack
  std::uint64_t next_seq_ = 1;
  bool connected_ = false;
  bool closed_ = false;
  Reactor::Token token_ = 0;
};

}  // namespace berth::runtime
