// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <unistd.h>

#include "pid1/init.h"
#include "pid1/shim.h"
#include "pid1/text.h"

namespace {

template <size_t kSize>
void print(int fd, const char (&text)[kSize]) {
  [[maybe_unused]] const ssize_t written = ::write(fd, text, kSize - 1);
}

constexpr uint64_t kMaxCgroups = 64;

/// TASKS and v2 of shim_protocol.h, both optional.
bool parse_groups(int argc, char** argv, berth::pid1::OwnCgroups& groups) {
  uint64_t tasks = 0;
  if (argc > 0 && !berth::pid1::parse_number(argv[0], argv[0] + strlen(argv[0]), tasks)) return false;
  groups.tasks = static_cast<uint32_t>(tasks);
  groups.v2 = argc == 2 && strcmp(argv[1], "v2") == 0;
  return tasks <= kMaxCgroups && argc <= (groups.v2 ? 2 : 1);
}

}  // namespace

int main(int argc, char** argv) {
  berth::pid1::OwnCgroups groups;
  if (argc >= 2 && strcmp(argv[1], "shim") == 0 && parse_groups(argc - 2, argv + 2, groups)) {
    return berth::pid1::run_shim(groups);
  }
  if (argc > 3 && strcmp(argv[1], "init") == 0 && strcmp(argv[2], "--") == 0) {
    return berth::pid1::run_init(argv + 3);
  }
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    print(1, "berth-pid1 " BERTH_VERSION "\n");
    return 0;
  }
  print(2,
        "usage: berth-pid1 shim [TASKS [v2]] | init -- PROGRAM [ARGUMENT]... | --version\n"
        "Started by berthd; not meant to be run by hand.\n");
  return 2;
}
