// SPDX-License-Identifier: Apache-2.0
#include "pid1/init.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pid1/note.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

/// What the child must get from us: all but what concerns this process alone.
sigset_t forwarded_signals() {
  sigset_t set = sys::every_signal();
  static constexpr int kOwn[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};
  for (const int own : kOwn) sigdelset(&set, own);
  return set;
}

[[noreturn]] void run_program(char** argv, const sigset_t& mask) {
  // In a group of its own, in front if there is a terminal, so that the keyboard's signals reach it once.
  ::setpgid(0, 0);
  ::signal(SIGTTOU, SIG_IGN);
  ::tcsetpgrp(0, ::getpid());
  ::signal(SIGTTOU, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::execvpe(argv[0], argv, environ);
  const int err = errno;
  note("cannot run the program", err);
  ::_exit(err == ENOENT || err == ENOTDIR ? 127 : 126);
}

/// Reaps all that is there; true with the code when the program itself was among it.
bool reap(pid_t program, int& code) {
  bool ended = false;
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return ended;
    if (pid != program) continue;
    code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    ended = true;
  }
}

}  // namespace

int run_init(char** argv, bool to_group) {
  const sigset_t waited = forwarded_signals();
  sigset_t before;
  ::sigprocmask(SIG_SETMASK, &waited, &before);
  if (::getpid() != 1) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  clone_args args = {};
  args.exit_signal = SIGCHLD;
  const pid_t program = sys::clone3(args);
  if (program < 0) {
    note("cannot clone", errno);
    return 126;
  }
  if (program == 0) run_program(argv, before);
  for (;;) {
    const int number = ::sigwaitinfo(&waited, nullptr);
    int code = 0;
    if (number == SIGCHLD && reap(program, code)) return code;
    // Stopping this process would only hide the child from whoever watches.
    if (number > 0 && number != SIGCHLD && number != SIGTTIN && number != SIGTTOU)
      ::kill(to_group ? -program : program, number);
  }
}

}  // namespace berth::pid1
