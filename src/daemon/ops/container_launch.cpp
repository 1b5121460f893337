// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/container_launch.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <thread>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "daemon/ops/container_journal.hpp"
#include "daemon/spec/container_spec.hpp"

namespace berth::daemon {
namespace {

cri::ContainerUser user_status(const ResolvedUser& user) {
  cri::ContainerUser status;
  status.mutable_linux()->set_uid(user.uid);
  status.mutable_linux()->set_gid(user.gid);
  for (const auto group : user.groups) status.mutable_linux()->add_supplemental_groups(group);
  return status;
}

Result<void> check_running(const ProcessId& process) {
  ASSIGN_OR_RETURN(const UniqueFd pidfd, open_process(process));
  return {};
}

const HandlerConfig& handler_of(const Services& with, const PodRecord& pod) {
  static const HandlerConfig kDefault;
  const auto found = with.config.handlers.find(pod.runtime_handler);
  return found == with.config.handlers.end() ? kDefault : found->second;
}

/// The process whose PID namespace the container asks for (PID mode TARGET); 0 when it does not.
Result<pid_t> target_of(const Services& with, const PodRecord& pod, const cri::ContainerConfig& config) {
  const auto& options = config.linux().security_context().namespace_options();
  if (options.pid() != cri::TARGET) return pid_t{0};
  ASSIGN_OR_RETURN(const ContainerPtr target, with.containers.find(options.target_id()));
  const auto status = target->snapshot();
  if (target->record().pod_id != pod.id || status.state != cri::CONTAINER_RUNNING) {
    return Error(Code::kInvalidArgument, cat("namespace_options.target_id \"", options.target_id(),
                                             "\" is not a running container of this pod"));
  }
  RETURN_IF_ERROR(check_running(status.process));
  return status.process.pid;
}

std::uint32_t launch_flags(const cri::ContainerConfig& config) {
  std::uint32_t flags = 0;
  if (config.stdin()) flags |= shim::kStdinPipe;
  if (config.stdin_once()) flags |= shim::kStdinOnce;
  if (config.tty()) flags |= shim::kTerminal;
  return flags;
}

/// A journal that is not there is no reason to have no container.
void request_logging(const Config& config, const PodRecord& pod, const ContainerRecord& record,
                     const ContainerLog& log, runtime::ShimClient::LaunchRequest& request) {
  if (log.dir) {
    request.log_dir.reset(::fcntl(log.dir.get(), F_DUPFD_CLOEXEC, 0));
    request.log_name = log.name;
    request.log_max_size = static_cast<std::uint64_t>(config.container_log_max_size);
    request.log_max_files = config.container_log_max_files;
    if (config.container_log_when_full == "wait") request.flags |= shim::kLogWaits;
  }
  if (config.container_log_journal.empty()) return;
  auto journal = connect_journal(config.container_log_journal);
  if (!journal)
    return log::warn("a container will not be in the journal",
                     {{"container", record.id}, {"error", journal.error().to_string()}});
  request.journal = *std::move(journal);
  request.journal_fields = journal_fields(pod, record);
}

}  // namespace

Result<std::shared_ptr<runtime::ShimClient>> shim_of(const PodSandbox& pod) {
  auto shim = pod.live_shim();
  if (!shim) return Error(Code::kUnavailable, cat("the shim of pod sandbox ", pod.id(), " is gone"));
  return shim;
}

Result<CompiledContainer> compile_launch(Services& with, const PodRecord& pod, const image::Image& image,
                                         int rootfs_fd, ImageTrees images, ContainerRecord& record) {
  ASSIGN_OR_RETURN(const pid_t target, target_of(with, pod, record.config));
  const SpecInputs inputs{pod,
                          record.config,
                          image.config,
                          rootfs_fd,
                          with.layout,
                          *with.cgroups,
                          handler_of(with, pod),
                          record.cgroup,
                          target,
                          with.config.default_ulimits,
                          with.config.pid1_path,
                          with.apparmor.get(),
                          std::move(images)};
  ASSIGN_OR_RETURN(ContainerSpec built, build_container_spec(inputs));
  CompiledContainer compiled;
  if (built.spec.linux_.seccomp) {
    ASSIGN_OR_RETURN(compiled.seccomp, with.seccomp.compile(*built.spec.linux_.seccomp));
  }
  runtime::CompileOptions options;
  options.pod_namespaces = std::move(built.pod_namespaces);
  options.seccomp = compiled.seccomp;
  options.attach_dir = with.layout.attach_dir();
  ASSIGN_OR_RETURN(compiled.plan, runtime::compile_container(built.spec, options));
  record.user = user_status(built.user);
  record.spec = std::move(built.spec);
  return compiled;
}

Result<void> ContainerLog::remove_if_new() const {
  if (!dir || existed) return {};
  if (::unlinkat(dir.get(), name.c_str(), 0) != 0 && errno != ENOENT)
    return Error::from_errno(errno, "remove log", name);
  return {};
}

Result<ContainerLog> open_container_log(const ContainerRecord& record) {
  ContainerLog log;
  if (record.log_path.empty()) return log;
  const std::string& relative = record.config.log_path();
  const std::string base = record.log_path.substr(0, record.log_path.size() - relative.size() - 1);
  RETURN_IF_ERROR(make_dirs(base, 0700));
  ASSIGN_OR_RETURN(UniqueFd parent, open_at(kCwd, base, O_RDONLY | O_DIRECTORY));
  std::string_view rest = relative;
  for (auto slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    const std::string component(rest.substr(0, slash));
    rest.remove_prefix(slash + 1);
    if (component.empty() || component == ".") continue;
    if (::mkdirat(parent.get(), component.c_str(), 0700) != 0 && errno != EEXIST) {
      return Error::from_errno(errno, "create log directory", cat(base, "/", component));
    }
    ASSIGN_OR_RETURN(UniqueFd next, open_at(parent.get(), component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    parent = std::move(next);
  }
  log.name = std::string(rest);
  if (log.name.empty() || log.name.size() >= sizeof(shim::Launch::log_name)) {
    return Error(Code::kInvalidArgument, cat("config.log_path \"", relative, "\" has no usable file name"));
  }
  struct stat info {};
  log.existed = ::fstatat(parent.get(), log.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  log.dir = std::move(parent);
  return log;
}

Result<ProcessId> launch_container(Services& with, PodSandbox& pod, ContainerRecord& record,
                                   std::unique_ptr<runtime::Plan> plan, UniqueFd rootfs,
                                   const ContainerLog& log) {
  ASSIGN_OR_RETURN(const auto shim, shim_of(pod));
  ASSIGN_OR_RETURN(auto join, with.cgroups->open_join(record.cgroup));
  runtime::PlanResources resources;
  resources.rootfs = std::move(rootfs);
  resources.cgroup_tasks = std::move(join.tasks);
  resources.cgroup_v2 = std::move(join.v2);
  ASSIGN_OR_RETURN(runtime::LaunchPlan launch, runtime::materialise(std::move(*plan), std::move(resources)));
  record.plan_labels = launch.labels;
  for (const std::string& warning : launch.warnings)
    log::warn("a container will not get what it asked for", {{"container", record.id}, {"warning", warning}});

  runtime::ShimClient::LaunchRequest request;
  request.id = record.id;
  request.flags = launch_flags(record.config);
  request.plan = std::move(launch);
  request_logging(with.config, pod.record(), record, log, request);
  ASSIGN_OR_RETURN(request.oom_counter, with.cgroups->open_oom_counter(record.cgroup));
  ASSIGN_OR_RETURN(const auto launched, shim->launch(std::move(request), shim_deadline()));
  return launched.process;
}

Result<void> forget_container(Services& with, PodSandbox& pod, const ContainerRecord& record) {
  ASSIGN_OR_RETURN(const auto shim, shim_of(pod));
  RETURN_IF_ERROR(with.cgroups->kill(record.cgroup));
  const auto give_up = shim_deadline();
  for (;;) {
    auto forgotten = shim->forget(record.id);
    if (forgotten || forgotten.error().code() == Code::kNotFound) break;
    if (forgotten.error().sys_errno() != EBUSY || std::chrono::steady_clock::now() > give_up)
      return forgotten;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // it has been killed and is being reaped
  }
  with.stray_exits.take(record.id);
  return {};
}

}  // namespace berth::daemon
