// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "processes.hpp"
#include "scenarios.hpp"
#include "workers.hpp"

namespace berth::bench {
namespace {

constexpr std::size_t kChunk = 32 << 20;  // what the container repeats, from its /dev/shm
constexpr std::size_t kLine = 100;

bool ends_with_mark(const std::string& path) {
  std::ifstream file(path, std::ios::ate | std::ios::binary);
  const auto size = static_cast<std::streamoff>(file.tellg());
  if (size < 4) return false;
  file.seekg(size - 4);
  std::array<char, 4> tail{};
  file.read(tail.data(), tail.size());
  return std::string(tail.data(), tail.size()) == "END\n";
}

std::size_t count_lines(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> buffer(1 << 20);
  std::size_t lines = 0;
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || file.gcount() > 0) {
    for (std::streamsize i = 0; i < file.gcount(); ++i)
      lines += buffer[static_cast<std::size_t>(i)] == '\n' ? 1U : 0U;
  }
  return lines;
}

std::string script(std::size_t chunks) {
  const std::string line(kLine - 1, 'x');
  const std::string count = std::to_string(kChunk / kLine);
  return "yes " + line + " | head -n " + count +
         " >/dev/shm/f; touch /tmp/ready; while [ ! -e /tmp/go ]; do sleep 0.02; done; i=0; " +
         "while [ $i -lt " + std::to_string(chunks) +
         " ]; do cat /dev/shm/f; i=$((i+1)); done; echo END; sleep 1000000";
}

void wait_for(const std::string& what, const std::function<bool()>& holds) {
  for (int i = 0; i < 60000; ++i) {
    if (holds()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  throw std::runtime_error("logs: no " + what + " after two minutes");
}

}  // namespace

void measure_logs(const Bench& bench) {
  if (bench.node.options().log_dir.empty()) return;
  const std::size_t chunks = static_cast<std::size_t>(bench.log_megabytes) * 1000000 / kChunk + 1;
  const auto pod = bench.node.run_pod(true);
  const std::string container = bench.node.create_and_start(pod, {"sh", "-c", script(chunks)}, "big.log");
  const std::string path = pod.config.log_directory() + "/big.log";
  bench.node.exec(container, {"sh", "-c", "while [ ! -e /tmp/ready ]; do sleep 0.05; done"});
  const std::string workload = cpu_file_of_group_with(container);
  const double before = group_seconds(workload);
  bench.meter.start();
  const double seconds = timed([&] {
    bench.node.exec(container, {"touch", "/tmp/go"});
    wait_for("end of the log", [&] { return ends_with_mark(path); });
  });
  const CpuUse use = bench.meter.stop();
  const double runtime = use.runtime - (group_seconds(workload) - before);
  const std::size_t written = chunks * (kChunk / kLine);
  const std::size_t lines = count_lines(path);
  if (lines != written + 1)
    throw std::runtime_error("logs: " + std::to_string(lines) + " lines of " + std::to_string(written + 1));
  const double gigabytes = static_cast<double>(written * kLine) / 1e9;
  const double in_file = static_cast<double>(std::filesystem::file_size(path)) / 1e9;
  bench.report.add("logs, lines of 100 bytes", "throughput", gigabytes * 1000 / seconds, "MB/s");
  bench.report.add("logs, lines of 100 bytes", "CPU of the runtime", runtime / gigabytes, "s/GB");
  bench.report.add("logs, lines of 100 bytes", "into the file", in_file * 1000 / seconds, "MB/s");
  bench.report.add("logs, lines of 100 bytes", "CPU of the runtime, per GB of the file", runtime / in_file,
                   "s/GB");
  bench.node.stop_pod(pod);
  bench.node.remove_pod(pod);
}

}  // namespace berth::bench
