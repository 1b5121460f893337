// SPDX-License-Identifier: Apache-2.0
#include "cpu_meter.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <sstream>

namespace berth::bench {
namespace {

double ticks(double value) {
  return value / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double machine_busy() {
  std::ifstream file("/proc/stat");
  std::string label;
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0;
  file >> label >> user >> nice >> system >> idle >> iowait >> irq >> softirq;
  return ticks(user + nice + system + irq + softirq);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double own() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double process(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream rest(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string word;
  for (int i = 0; i < 11; ++i) rest >> word;  // state to cmajflt
  double user = 0, system = 0;
  rest >> user >> system;
  return ticks(user + system);
}

}  // namespace

double group_seconds(const std::string& path) {
  std::ifstream file(path);
  if (!path.ends_with("cpu.stat")) {
    double nanoseconds = 0;
    file >> nanoseconds;
    return nanoseconds / 1e9;
  }
  std::string key;
  double microseconds = 0;
  while (file >> key >> microseconds) {
    if (key == "usage_usec") return microseconds / 1e6;
  }
  return 0;
}

CpuMeter::Clocks CpuMeter::read() const {
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now().time_since_epoch();
  return {wall.count(), machine_busy(), own(), process(daemon_pid_),
          has_group() ? group_seconds(group_file_) : 0};
}

CpuUse CpuMeter::stop() const {
  const Clocks now = read();
  CpuUse use;
  use.wall = now.wall - began_.wall;
  use.daemon = now.daemon - began_.daemon;
  const double others = now.machine - began_.machine - (now.own - began_.own);
  use.runtime = has_group() ? now.group - began_.group : others;
  use.foreign = has_group() ? std::max(0.0, others - use.runtime) : 0;
  return use;
}

double CpuMeter::daemon_exactly() const {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(daemon_pid_, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace berth::bench
