// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth {

/// Makes a stop_token something poll(2) can wait for: the descriptor turns readable on stop. For a
/// token that can never stop there is no descriptor (-1, which poll ignores).
class CancelEvent {
 public:
  static Result<CancelEvent> create(const std::stop_token& token) {
    CancelEvent event;
    if (!token.stop_possible()) return event;
    UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd) return Error::from_errno(errno, "eventfd", "for cancellation");
    const int raw = fd.get();
    event.fd_ = std::move(fd);
    event.callback_ = std::make_unique<std::stop_callback<Notify>>(token, Notify{raw});
    return event;
  }
  int fd() const { return fd_.get(); }

 private:
  struct Notify {
    int fd;
    void operator()() const {
      const std::uint64_t one = 1;
      (void)!::write(fd, &one, sizeof(one));
    }
  };
  UniqueFd fd_;
  // Declared last: destroyed first, and its destructor waits for a running notification.
  std::unique_ptr<std::stop_callback<Notify>> callback_;
};

}  // namespace berth
