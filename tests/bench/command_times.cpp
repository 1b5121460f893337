// SPDX-License-Identifier: Apache-2.0
// Runs command lines in turns, TIMES each, and prints for each run: which one, ms, ms of CPU of it and all
// that it waited for, and the largest resident size of any of them in KiB.
//
//   command_times TIMES COMMAND ARGUMENT... [-- COMMAND ARGUMENT...]...
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

double ms(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

bool run_once(std::size_t which, std::vector<char*>& argv) {
  const auto began = std::chrono::steady_clock::now();
  pid_t pid = 0;
  if (::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0) {
    std::perror(argv[0]);
    return false;
  }
  int status = 0;
  rusage usage{};
  if (::wait4(pid, &status, 0, &usage) != pid || status != 0) {
    std::fprintf(stderr, "%s ended with wait status %d\n", argv[0], status);
    return false;
  }
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  std::printf("%zu %.3f %.3f %ld\n", which, took.count(), ms(usage.ru_utime) + ms(usage.ru_stime),
              usage.ru_maxrss);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::vector<char*>> commands(1);
  for (int i = 2; i < argc; ++i) {
    if (std::strcmp(argv[i], "--") == 0) {
      commands.emplace_back();
    } else {
      commands.back().push_back(argv[i]);
    }
  }
  if (commands.front().empty()) return 2;
  for (auto& command : commands) command.push_back(nullptr);
  for (int times = std::atoi(argv[1]); times > 0; --times) {
    for (std::size_t which = 0; which < commands.size(); ++which) {
      if (!run_once(which, commands[which])) return 1;
    }
  }
  return 0;
}
