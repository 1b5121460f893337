// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/supervise.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/dir.hpp"
#include "base/process_id.hpp"
#include "runtime/cli/launched_child.hpp"

namespace berth::runtime::cli {
namespace {

/// Our own terminal as it was before, at the end.
class RawTerminal {
 public:
  RawTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    raw.c_oflag |= OPOST;  // what we write ourselves still looks right
    changed_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  ~RawTerminal() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

class Supervision {
 public:
  Supervision(int pidfd, int signals, UniqueFd terminal)
      : pidfd_(pidfd), signals_(signals), terminal_(std::move(terminal)) {}

  Result<int> run() {
    while (!ended_) RETURN_IF_ERROR(turn());
    // What it wrote last is still in the terminal.
    if (terminal_) ::fcntl(terminal_.get(), F_SETFL, O_NONBLOCK);
    while (terminal_) copy_output();
    return wait_for_end(pidfd_);
  }

 private:
  Result<void> turn() {
    const int terminal = terminal_.get();
    std::array<pollfd, 4> fds{{{pidfd_, POLLIN, 0},
                               {signals_, POLLIN, 0},
                               {terminal, POLLIN, 0},
                               {terminal_ && stdin_open_ ? STDIN_FILENO : -1, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR)
      return Error::from_errno(errno, "poll", "the container's process");
    if (fds[1].revents != 0) forward_signals();
    if (fds[2].revents != 0) copy_output();
    if (fds[3].revents != 0) copy_input();
    ended_ = fds[0].revents != 0;
    return {};
  }

  void forward_signals() {
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      const int number = static_cast<int>(info.ssi_signo);
      if (number == SIGCHLD) continue;
      if (number == SIGWINCH && terminal_) {
        copy_window_size(terminal_.get());
      } else {
        (void)signal_process(pidfd_, number);
      }
    }
  }

  void copy_output() {
    std::array<char, 16384> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t size = ::read(terminal_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) return;
    // EIO: nobody has the other side open any more.
    if (size <= 0 || !write_fd(STDOUT_FILENO, {buffer.data(), static_cast<std::size_t>(size)}, "stdout"))
      terminal_.reset();
  }

  void copy_input() {
    std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) return;
    if (size > 0 && write_fd(terminal_.get(), {buffer.data(), static_cast<std::size_t>(size)}, "terminal"))
      return;
    stdin_open_ = false;
  }

  int pidfd_;
  int signals_;
  UniqueFd terminal_;
  bool stdin_open_ = true;
  bool ended_ = false;
};

}  // namespace

Result<UniqueFd> hold_signals() {
  sigset_t all;
  sigfillset(&all);
  // These are about ourselves.
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPIPE, SIGTTIN, SIGTTOU})
    sigdelset(&all, own);
  if (::sigprocmask(SIG_BLOCK, &all, nullptr) != 0) return Error::from_errno(errno, "block", "signals");
  UniqueFd signals(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return Error::from_errno(errno, "create", "a signal descriptor");
  return signals;
}

Result<int> supervise(int pidfd, const UniqueFd& signals, UniqueFd terminal) {
  if (!terminal) return Supervision(pidfd, signals.get(), UniqueFd()).run();
  const RawTerminal raw;
  copy_window_size(terminal.get());
  return Supervision(pidfd, signals.get(), std::move(terminal)).run();
}

void copy_window_size(int master) {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(master, TIOCSWINSZ, &size);
}

}  // namespace berth::runtime::cli
