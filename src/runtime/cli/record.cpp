// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/record.hpp"

#include <poll.h>

#include <optional>

#include "base/atomic_file.hpp"
#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cli/report.hpp"
#include "runtime/oci/object_reader.hpp"

namespace berth::runtime::cli {
namespace {

constexpr std::size_t kMaxState = 16U << 20;

}  // namespace

std::string_view status_name(Status status) {
  switch (status) {
    case Status::kCreating:
      return "creating";
    case Status::kCreated:
      return "created";
    case Status::kRunning:
      return "running";
    case Status::kPaused:
      return "paused";
    case Status::kStopped:
      return "stopped";
  }
  return "unknown";
}

Json to_json(const Record& record) {
  return Json{{"ociVersion", kSpecVersion},
              {"id", record.id},
              {"bundle", record.bundle},
              {"rootfs", record.rootfs},
              {"created", record.created},
              {"owner", record.owner},
              {"cgroupPath", record.cgroup},
              {"systemdCgroup", record.systemd_cgroup},
              {"madeResctrlGroup", record.made_resctrl_group},
              {"annotations", record.annotations},
              {"pid", record.process.pid},
              {"startTime", record.process.start_time},
              {"firstLabel", record.first_label},
              {"labels", record.labels}};
}

Result<Record> parse_record(std::string_view text) {
  ASSIGN_OR_RETURN(const Json document, parse_json(text, kMaxState, "state.json"));
  std::optional<Error> failure;
  oci::ObjectReader from(document, "", failure);
  Record record;
  from.read("id", record.id);
  from.read("bundle", record.bundle);
  from.read("rootfs", record.rootfs);
  from.read("created", record.created);
  from.read("owner", record.owner);
  from.read("cgroupPath", record.cgroup);
  from.read("systemdCgroup", record.systemd_cgroup);
  from.read("madeResctrlGroup", record.made_resctrl_group);
  from.read("annotations", record.annotations);
  from.read("pid", record.process.pid);
  from.read("startTime", record.process.start_time);
  from.read("firstLabel", record.first_label);
  from.read("labels", record.labels);
  if (!failure && record.id.empty()) failure = Error(Code::kInternal, "state.json has no id");
  if (failure) return std::move(failure->recode(Code::kInternal));
  return record;
}

Result<Record> load_record(const StateDir& dir) {
  auto text = read_file(dir.file("state.json"), kMaxState);
  if (!text) return std::move(text).context(cat("container ", dir.id(), " is not complete")).error();
  ASSIGN_OR_RETURN(Record record, parse_record(*text).context(dir.file("state.json")));
  if (record.id == dir.id()) return record;
  return Error(Code::kInternal, cat(dir.file("state.json"), " is that of container ", record.id));
}

Result<void> save_record(const StateDir& dir, const Record& record) {
  return write_file(dir.file("state.json"), to_text(to_json(record)), Durability::kAtomic);
}

bool is_alive(const ProcessId& process) {
  const auto pidfd = open_process(process);
  if (!pidfd) return false;
  pollfd ended{pidfd->get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 0;
}

Status status_of(const StateDir& dir, const Record& record) {
  if (record.process.pid == 0) return Status::kCreating;
  if (!is_alive(record.process)) return Status::kStopped;
  return exists(dir.file("gate")) ? Status::kCreated : Status::kRunning;
}

Json state_json(const Record& record, Status status, pid_t pid) {
  Json state = {{"ociVersion", kSpecVersion},
                {"id", record.id},
                {"status", status_name(status)},
                {"bundle", record.bundle}};
  if (pid > 0) state["pid"] = pid;
  if (!record.annotations.empty()) state["annotations"] = record.annotations;
  return state;
}

}  // namespace berth::runtime::cli
