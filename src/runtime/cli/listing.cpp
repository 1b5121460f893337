// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/listing.hpp"

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

Result<bool> wants_json(const Arguments& line) {
  const std::string format = line.text("format", "table");
  if (format == "json" || format == "table") return format == "json";
  return Error(Code::kInvalidArgument, cat("--format is table or json, not \"", format, "\""));
}

}  // namespace berth::runtime::cli
