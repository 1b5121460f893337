// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "base/cat.hpp"
#include "ctl/cli.hpp"
#include "ctl/client.hpp"
#include "ctl/crictl.hpp"
#include "ctl/table.hpp"
#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

/// Nano-cores as a percentage of one processor: "12.5".
std::string percent(const cri::CpuUsage& cpu) {
  if (!cpu.has_usage_nano_cores()) return "-";
  const std::uint64_t tenths = cpu.usage_nano_cores().value() / 1'000'000;
  return cat(tenths / 10, ".", tenths % 10);
}

Result<int> stats(const Context& context) {
  show_crictl(context, {"stats"});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(const auto answer, client.call(cri::ListContainerStatsRequest{}));
  std::vector<std::vector<std::string>> rows = {
      {"CONTAINER", "NAME", "CPU %", "CPU TIME", "MEMORY", "DISK", "INODES"}};
  for (const auto& one : answer.stats()) {
    rows.push_back({short_id(one.attributes().id()), one.attributes().metadata().name(), percent(one.cpu()),
                    cat(one.cpu().usage_core_nano_seconds().value() / 1'000'000, " ms"),
                    format_bytes(one.memory().working_set_bytes().value()),
                    format_bytes(one.writable_layer().used_bytes().value()),
                    std::to_string(one.writable_layer().inodes_used().value())});
  }
  std::cout << format_table(rows);
  return 0;
}

}  // namespace

void add_stats(Verb cli) {
  cli.add("stats", "What the running containers use").runs(stats);
}

}  // namespace berth::ctl
