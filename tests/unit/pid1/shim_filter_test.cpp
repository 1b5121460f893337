// SPDX-License-Identifier: Apache-2.0
// Needs root, as all that makes a filter without giving up new privileges.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <thread>
#include <vector>

#include "pid1/confine.h"

using namespace berth;

namespace {

/// The errno of each call of a thread that is confined; 0 for success.
struct Tried {
  const char* what;
  int err;
};

int error_of(long rc) {
  return rc < 0 ? errno : 0;
}

std::vector<Tried> try_everything() {
  std::vector<Tried> tried;
  const auto note = [&](const char* what, long rc) { tried.push_back({what, error_of(rc)}); };
  char* const none[] = {nullptr};
  note("execve", ::execve("/bin/true", none, none));
  note("execveat", ::syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0));
  note("clone without a thread", ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  note("clone3", ::syscall(SYS_clone3, nullptr, 0));
  note("setns", ::setns(-1, 0));
  note("unshare of a namespace", ::unshare(CLONE_NEWNS));
  note("mount", ::mount(nullptr, "/absent", nullptr, MS_BIND, nullptr));
  note("ptrace", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
  note("setuid", ::syscall(SYS_setuid, 0));
  note("socket", ::syscall(SYS_socket, 1, 1, 0));
  note("connect", ::syscall(SYS_connect, -1, nullptr, 0));
  note("bpf", ::syscall(SYS_bpf, 0, nullptr, 0));
  note("process_vm_writev", ::syscall(SYS_process_vm_writev, 1, nullptr, 0, nullptr, 0, 0));
  note("executable memory",
       ::syscall(SYS_mmap, nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  return tried;
}

}  // namespace

TEST_CASE("What is confined cannot execute, make processes, mount, enter namespaces or get rights") {
  std::vector<Tried> tried;
  int confined = -1;
  int allowed = -1;
  std::thread([&] {
    confined = pid1::confine_loop();
    tried = try_everything();
    allowed = ::syscall(SYS_unshare, CLONE_FILES) == 0 ? 0 : errno;
  }).join();
  REQUIRE(confined == 0);
  for (const Tried& each : tried) {
    INFO(each.what);
    CHECK(each.err == EPERM);
  }
  CHECK(allowed == 0);
}
