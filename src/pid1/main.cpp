// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "pid1/init.h"
#include "pid1/launch_once.h"
#include "pid1/shim.h"
#include "pid1/text.h"

namespace {

template <size_t kSize>
void print(int fd, const char (&text)[kSize]) {
  [[maybe_unused]] const ssize_t written = ::write(fd, text, kSize - 1);
}

/// Holds a cgroup that needs a process until the pipe on stdin is closed, by whoever puts one there.
int run_hold() {
  for (;;) {
    char none = 0;
    const ssize_t got = ::read(0, &none, sizeof none);
    if (got == 0) return 0;
    if (got < 0 && errno != EINTR) return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "shim") == 0) return berth::pid1::run_shim();
  if (argc == 2 && strcmp(argv[1], "launch") == 0) return berth::pid1::run_launch();
  if (argc == 2 && strcmp(argv[1], "hold") == 0) return run_hold();
  if (argc > 1 && strcmp(argv[1], "init") == 0) {
    const int to_group = argc > 2 && strcmp(argv[2], "-g") == 0 ? 1 : 0;
    if (argc > 3 + to_group && strcmp(argv[2 + to_group], "--") == 0)
      return berth::pid1::run_init(argv + 3 + to_group, to_group == 1);
  }
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    print(1, "berth-pid1 " BERTH_VERSION "\n");
    return 0;
  }
  print(2,
        "usage: berth-pid1 shim | launch | hold | init [-g] -- PROGRAM [ARGUMENT]... | --version\n"
        "Started by berthd and berth-oci; not meant to be run by hand.\n");
  return 2;
}
