// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/listing.hpp"

#include <algorithm>

#include "base/cat.hpp"

namespace berth::runtime::cli {

Json listed_state(Container& container) {
  const Record& record = container.record();
  const Status status = container.status();
  const pid_t pid = status == Status::kStopped ? 0 : record.process.pid;
  Json state = state_json(record, status, 0);
  state["pid"] = pid;
  state["rootfs"] = record.rootfs;
  state["created"] = record.created;
  state["owner"] = record.owner;
  return state;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  constexpr std::size_t kGap = 3;
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] + kGap - row[i].size(), ' ');
    }
    out += '\n';
  }
  return out;
}

Result<bool> wants_json(const Arguments& line) {
  const std::string format = line.text("format", "table");
  if (format == "json" || format == "table") return format == "json";
  return Error(Code::kInvalidArgument, cat("--format is table or json, not \"", format, "\""));
}

}  // namespace berth::runtime::cli
