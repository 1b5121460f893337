// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/container.hpp"

#include <poll.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cgroup/systemd_manager.hpp"
#include "runtime/cli/hooks.hpp"
#include "runtime/cli/pid1_program.hpp"
#include "runtime/cli/report.hpp"
#include "runtime/intel_rdt.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::runtime::cli {
namespace {

constexpr std::size_t kMaxKeptConfig = 8U << 20;
constexpr int kKillPatienceMs = 10000;
constexpr std::chrono::milliseconds kRemovePatience{10000};

}  // namespace

Result<Container> Container::open(const Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(StateDir dir, StateDir::open(context.globals.root, id));
  ASSIGN_OR_RETURN(Record record, load_record(dir));
  return Container(context, std::move(dir), std::move(record));
}

Result<void> Container::lock() {
  RETURN_IF_ERROR(dir_.lock());
  ASSIGN_OR_RETURN(record_, load_record(dir_));
  return {};
}

Status Container::status() {
  const Status status = status_of(dir_, record_);
  if (status != Status::kRunning && status != Status::kCreated) return status;
  const auto manager = cgroups();
  return manager && (*manager)->is_frozen(record_.cgroup) ? Status::kPaused : status;
}

Result<const oci::Spec*> Container::spec() {
  if (!spec_) {
    ASSIGN_OR_RETURN(const std::string text, read_file(dir_.file("config.json"), kMaxKeptConfig));
    ASSIGN_OR_RETURN(spec_, oci::parse_spec(text).context(dir_.file("config.json")));
  }
  return &*spec_;
}

Result<std::unique_ptr<cgroup::Manager>> Container::open_cgroups() {
  if (!record_.systemd_cgroup) return cgroup::Manager::open({});
  cgroup::Manager::Options options;
  if (record_.process.pid == 0) {
    ASSIGN_OR_RETURN(scope_holder_, pid1_program());
    options.holder_program = cat("/proc/self/fd/", scope_holder_.get());
  }
  return cgroup::SystemdManager::open(options);
}

Result<cgroup::Manager*> Container::cgroups() {
  if (record_.cgroup.empty())
    return Error(Code::kFailedPrecondition, cat("container ", id(), " has no cgroup of its own"));
  if (!cgroups_) {
    ASSIGN_OR_RETURN(cgroups_, open_cgroups());
  }
  return cgroups_.get();
}

Result<UniqueFd> Container::process() const {
  auto pidfd = open_process(record_.process);
  if (pidfd && is_alive(record_.process)) return pidfd;
  return Error(Code::kFailedPrecondition, cat("container ", id(), " is not running"));
}

std::string Container::hook_state(Status status, pid_t pid) const {
  return to_text(state_json(record_, status, pid));
}

Result<void> Container::stop_everything() {
  const auto pidfd = open_process(record_.process);
  if (pidfd) RETURN_IF_ERROR(signal_process(pidfd->get(), SIGKILL));
  if (!record_.cgroup.empty()) {
    ASSIGN_OR_RETURN(cgroup::Manager* const manager, cgroups());
    RETURN_IF_ERROR(manager->kill(record_.cgroup));
    (void)manager->thaw(record_.cgroup);  // v1: what is frozen dies only then
  }
  if (!pidfd) return {};
  pollfd ended{pidfd->get(), POLLIN, 0};
  if (::poll(&ended, 1, kKillPatienceMs) != 1)
    return Error(Code::kDeadlineExceeded, cat("the process of container ", id(), " does not end"));
  // Only when it is ours: after `create` it is somebody else's child.
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(pidfd->get()), &info, WEXITED | WNOHANG);
  return {};
}

Result<void> Container::remove_processes() {
  if (is_alive(record_.process)) RETURN_IF_ERROR(stop_everything());
  if (record_.cgroup.empty()) return {};
  ASSIGN_OR_RETURN(cgroup::Manager* const manager, cgroups());
  if (manager->remove(record_.cgroup, std::chrono::milliseconds(0))) return {};
  // Without a process of its own nothing in there is known to be the container's.
  if (record_.process.pid != 0) RETURN_IF_ERROR(stop_everything());
  return manager->remove(record_.cgroup, kRemovePatience);
}

Result<void> Container::destroy() {
  const auto configured = spec();
  Result<void> first = remove_processes();
  if (first && configured && (*configured)->linux_.intel_rdt)
    first = remove_resctrl_group(*(*configured)->linux_.intel_rdt, id(), record_.made_resctrl_group);
  if (!first) return first;  // whoever tries again needs the state
  RETURN_IF_ERROR(dir_.remove());
  if (!configured) return {};
  // Each for itself: the next one runs whatever became of the last.
  for (const oci::Hook& hook : (*configured)->hooks.poststop) {
    const std::vector<oci::Hook> one = {hook};
    auto ran = run_hooks({"poststop", one, hook_state(Status::kStopped, 0), context_->environment});
    if (!ran) warn(context_->globals, std::move(ran).error());
  }
  return {};
}

}  // namespace berth::runtime::cli
