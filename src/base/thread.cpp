// SPDX-License-Identifier: Apache-2.0
#include "base/thread.hpp"

#include <pthread.h>

#include <csignal>
#include <system_error>

namespace berth {

Result<std::thread> start_thread(const std::string& name, std::function<void()> body) {
  // Blocked before the thread exists, because it inherits the mask and must have no window.
  sigset_t all;
  sigset_t previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  Result<std::thread> started = Error(Code::kResourceExhausted, "start thread " + name);
  try {
    started = std::thread([short_name = name.substr(0, 15), body = std::move(body)] {
      pthread_setname_np(pthread_self(), short_name.c_str());
      body();
    });
  } catch (const std::system_error& failure) {
    started = Error::from_errno(failure.code().value(), "start thread", name);
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  return started;
}

}  // namespace berth
