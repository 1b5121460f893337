// SPDX-License-Identifier: Apache-2.0
// Measures any container runtime through its CRI socket. The image must have a busybox.
//     cri_bench --socket unix:///run/berth/berth.sock --image IMAGE [start exec probes stop logs memory idle
//     list]
#include <CLI/CLI.hpp>
#include <iostream>

#include "processes.hpp"
#include "scenarios.hpp"
#include "workers.hpp"

namespace {

using namespace berth::bench;

struct Scenario {
  const char* name;
  void (*measure)(const Bench&);
};
constexpr Scenario kScenarios[] = {
    {"start", measure_start}, {"exec", measure_exec},     {"probes", measure_probes}, {"stop", measure_stop},
    {"logs", measure_logs},   {"memory", measure_memory}, {"idle", measure_idle},     {"list", measure_list}};

struct Arguments {
  NodeClient::Options node;
  std::vector<std::string> scenarios;
  std::string json, cpu_group;
  int daemon_pid = 0, iterations = 50, pods = 100, idle_seconds = 10, log_megabytes = 1024, probes = 10000;
  std::vector<int> parallel = {1, 8, 32}, list_sizes = {100, 1000};
  bool no_cni = false;
};

void declare(CLI::App& cli, Arguments& to) {
  cli.add_option("scenarios", to.scenarios, "start exec probes stop logs memory idle list; all without any");
  cli.add_option("--socket", to.node.socket, "unix:///PATH of the CRI")->required();
  cli.add_option("--image", to.node.image, "with a busybox; pulled first when it is not there")->required();
  cli.add_option("--cgroup-parent", to.node.cgroup_parent, "of pods");
  cli.add_option("--log-dir", to.node.log_dir, "of containers; without it `logs` is left out");
  cli.add_option("--daemon-pid", to.daemon_pid, "default: the process behind the socket");
  cli.add_option("--cpu-group", to.cpu_group,
                 "cpuacct.usage or cpu.stat of the group with the daemon and its pods");
  cli.add_option("--iterations", to.iterations, "pods per measurement");
  cli.add_option("--parallel", to.parallel, "starts in flight")->delimiter(',');
  cli.add_option("--list-sizes", to.list_sizes, "containers, ascending")->delimiter(',');
  cli.add_option("--pods", to.pods, "pods of `memory` and `idle`");
  cli.add_option("--idle-seconds", to.idle_seconds, "of `memory`; `idle` takes four times as long");
  cli.add_option("--probes", to.probes, "of `probes`");
  cli.add_option("--log-megabytes", to.log_megabytes, "of `logs`");
  cli.add_flag("--no-cni", to.no_cni, "`start` only in the host's network");
  cli.add_option("--json", to.json, "writes all numbers to this file, too");
}

bool wanted(const Arguments& arguments, const std::string& name) {
  const auto& list = arguments.scenarios;
  return list.empty() || std::find(list.begin(), list.end(), name) != list.end();
}

int run(const Arguments& arguments) {
  NodeClient node(arguments.node);
  CpuMeter meter(arguments.daemon_pid != 0 ? arguments.daemon_pid : peer_pid(arguments.node.socket),
                 arguments.cpu_group);
  Report report;
  if (arguments.scenarios.empty()) {
    const double seconds = timed([&] { node.first_answers(); });
    report.add("first answers", "4 RPCs over a new connection", seconds * 1e3, "ms");
  }
  report.set("runtime", node.version());
  node.pull(arguments.node.image);
  const Bench bench = {node,
                       meter,
                       report,
                       arguments.iterations,
                       arguments.parallel,
                       arguments.list_sizes,
                       arguments.pods,
                       arguments.idle_seconds,
                       arguments.log_megabytes,
                       50,
                       arguments.probes,
                       arguments.no_cni};
  int failures = 0;
  for (const Scenario& scenario : kScenarios) {
    if (!wanted(arguments, scenario.name)) continue;
    try {
      scenario.measure(bench);
    } catch (const std::exception& problem) {
      std::cerr << "cri_bench: " << scenario.name << ": " << problem.what() << "\n";
      ++failures;
    }
  }
  if (!arguments.json.empty() && !report.write(arguments.json)) {
    std::cerr << "cri_bench: " << arguments.json << " cannot be written\n";
    return 1;
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli{"Measures a container runtime through its CRI socket", "cri_bench"};
  Arguments arguments;
  declare(cli, arguments);
  CLI11_PARSE(cli, argc, argv);
  try {
    return run(arguments);
  } catch (const std::exception& problem) {
    std::cerr << "cri_bench: " << problem.what() << "\n";
    return 1;
  }
}
