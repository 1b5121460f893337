// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_manager.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "runtime/cgroup/control_file.hpp"
#include "runtime/cgroup/group_path.hpp"
#include "runtime/cgroup/resources.hpp"
#include "runtime/cgroup/systemd_properties.hpp"
#include "runtime/shim_spawn.hpp"

namespace berth::runtime::cgroup {
namespace {

/// The line "Pid:" of a pidfd's fdinfo.
Result<pid_t> pid_of(int pidfd) {
  constexpr std::size_t kLimit = 4096;
  ASSIGN_OR_RETURN(const std::string text, read_file(cat("/proc/self/fdinfo/", pidfd), kLimit));
  const std::size_t at = text.find("\nPid:");
  const long pid = at == std::string::npos ? 0 : std::strtol(text.c_str() + at + 5, nullptr, 10);
  if (pid <= 0) return Error(Code::kInternal, "the process that holds a scope has ended");
  return static_cast<pid_t>(pid);
}

/// Whether a second process beside the holder would be one too many.
bool admits_one_process(const oci::Resources& resources) {
  return resources.pids_limit && *resources.pids_limit >= 0 && *resources.pids_limit < 2;
}

}  // namespace

Result<std::unique_ptr<Manager>> SystemdManager::open(const Manager::Options& options) {
  ASSIGN_OR_RETURN(Layout layout, detect_layout(options));
  if (!layout.is_unified()) {
    return Error(Code::kFailedPrecondition,
                 "cgroup driver \"systemd\" needs a host with cgroup v2 alone; use \"cgroupfs\" here");
  }
  ASSIGN_OR_RETURN(SystemdBus bus, SystemdBus::connect(options.systemd_address));
  return std::unique_ptr<Manager>(
      new SystemdManager(std::move(layout), options.holder_program, std::move(bus)));
}

Result<SystemdManager::Holder> SystemdManager::spawn_holder(const JoinFds* group) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "make", "a pipe");
  const UniqueFd read_end(ends[0]);
  Holder holder;
  holder.pipe.reset(ends[1]);
  ASSIGN_OR_RETURN(const UniqueFd program, open_at(kCwd, holder_program_, O_PATH));
  ShimSpawn request;
  request.program = program.get();
  request.argv = {"berth-pid1", "hold"};
  request.fds = {{read_end.get(), STDIN_FILENO}};
  request.group = group;
  ASSIGN_OR_RETURN(holder.pidfd, spawn_in_cgroup(request));
  ASSIGN_OR_RETURN(holder.pid, pid_of(holder.pidfd.get()));
  auto ended = ended_.lock();
  std::erase_if(*ended, [](const UniqueFd& pidfd) {
    siginfo_t info{};
    return ::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) != 0 ||
           info.si_pid != 0;
  });
  ended->emplace_back(::fcntl(holder.pidfd.get(), F_DUPFD_CLOEXEC, 0));
  return holder;
}

Result<void> SystemdManager::start_unit(const UnitPlace& place, pid_t first,
                                        const oci::Resources& resources) {
  std::vector<UnitProperty> properties = unit_properties(place, first);
  for (UnitProperty& limit : limit_properties(resources, {})) properties.push_back(std::move(limit));
  auto started = bus_.start_unit(place.unit, properties);
  if (started || started.error().code() != Code::kAlreadyExists) return started;
  // Nobody is in it (that was looked at): what is left of a unit that failed, or of a creation of
  // ours that was interrupted.
  RETURN_IF_ERROR(stop_unit(place));
  RETURN_IF_ERROR(bus_.reset_failed(place.unit));
  return bus_.start_unit(place.unit, properties);
}

Result<void> SystemdManager::stop_unit(const UnitPlace& place) {
  auto stopped = bus_.stop_unit(place.unit);
  if (!stopped && stopped.error().code() == Code::kUnavailable) stopped = bus_.stop_unit(place.unit);
  if (!stopped && stopped.error().code() == Code::kNotFound) return {};
  return stopped;
}

Result<void> SystemdManager::create(const std::string& path, const oci::Resources& resources) {
  RETURN_IF_ERROR(check_group_path(path));
  RETURN_IF_ERROR(check_resources(resources));
  ASSIGN_OR_RETURN(const UnitPlace place, unit_of_path(path));
  RETURN_IF_ERROR(refuse_inhabited(path).context(cat("create cgroup ", path)));
  Holder holder;
  if (!place.is_slice) {
    ASSIGN_OR_RETURN(holder, spawn_holder(nullptr));
  }
  auto made = start_unit(place, holder.pid, resources);
  if (made) {
    made = fill(path, resources);
    if (!made) (void)stop_unit(place);
  }
  if (!made) return std::move(made).context(cat("create cgroup ", path));
  if (!place.is_slice) holds_.lock()->insert_or_assign(path, std::move(holder.pipe));
  return {};
}

std::string SystemdManager::cpu_max(const std::string& path) const {
  const MountedHierarchy* cpu = layout().find("cpu");
  if (cpu == nullptr) return {};
  auto text = read_control(cpu->root.get(), path, "cpu.max");
  return text ? *std::move(text) : std::string();
}

// The files first, because the kernel says no where systemd would only log; then systemd, which writes
// its own rounding; then the files again.
Result<void> SystemdManager::update(const std::string& path, const oci::Resources& resources) {
  RETURN_IF_ERROR(check_group_path(path));
  const auto place = unit_of_path(path);
  const std::vector<UnitProperty> properties = limit_properties(resources, cpu_max(path));
  if (!place || properties.empty()) return HostManager::update(path, resources);
  return update_around(path, resources, [&] { return bus_.set_properties(place->unit, properties); });
}

Result<JoinFds> SystemdManager::open_join(const std::string& path) {
  ASSIGN_OR_RETURN(JoinFds fds, HostManager::open_join(path));
  {
    auto holds = holds_.lock();
    if (auto node = holds->extract(path)) fds.hold = std::move(node.mapped());
  }
  if (!fds.hold) return fds;
  // The holder is one process, too. To be born beside it can be one too many; to move in cannot.
  const auto limit = read_control(layout().hierarchies.front().root.get(), path, "pids.max");
  oci::Resources now;
  if (limit && *limit != "max") now.pids_limit = std::strtoll(limit->c_str(), nullptr, 10);
  if (!admits_one_process(now)) return fds;
  ASSIGN_OR_RETURN(UniqueFd procs, open_at(fds.v2.get(), "cgroup.procs", O_WRONLY | O_NOFOLLOW));
  fds.tasks.push_back(std::move(procs));
  fds.v2.reset();
  return fds;
}

Result<UniqueFd> SystemdManager::hold(const std::string& path) {
  ASSIGN_OR_RETURN(JoinFds fds, HostManager::open_join(path));
  ASSIGN_OR_RETURN(Holder holder, spawn_holder(&fds));
  return std::move(holder.pipe);
}

Result<void> SystemdManager::remove(const std::string& path, std::chrono::milliseconds patience) {
  RETURN_IF_ERROR(check_group_path(path));
  holds_.lock()->erase(path);
  if (!exists(path)) return {};  // systemd has seen its last process go
  const auto place = unit_of_path(path);
  const bool inhabited = !processes(path).empty();
  // Of a group whose last process goes, and which we remove, before it has looked, systemd learns nothing:
  // the unit is stopped even then.
  if (inhabited) RETURN_IF_ERROR(HostManager::remove(path, patience));
  auto stopped = place ? stop_unit(*place) : Result<void>();
  if (!stopped) return std::move(stopped).context(cat("remove cgroup ", path));
  return inhabited ? Result<void>() : HostManager::remove(path, patience);
}

void SystemdManager::remove_if_empty(const std::string& path) {
  const auto place = unit_of_path(path);
  if (!place) return HostManager::remove_if_empty(path);
  if (!place->is_slice || !exists(path) || !children(path).empty() || !processes(path).empty()) return;
  if (auto stopped = stop_unit(*place); !stopped)
    log::warn("a slice that nothing is in could not be stopped", {{"error", stopped.error().to_string()}});
}

std::string SystemdManager::describe() const {
  return cat(HostManager::describe(), "\ndriver: systemd");
}

}  // namespace berth::runtime::cgroup
