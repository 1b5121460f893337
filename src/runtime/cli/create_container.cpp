// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/create_container.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/atomic_file.hpp"
#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/dir.hpp"
#include "base/mountinfo.hpp"
#include "runtime/cgroup/delegation.hpp"
#include "runtime/cli/bundle.hpp"
#include "runtime/cli/console_socket.hpp"
#include "runtime/cli/container_namespaces.hpp"
#include "runtime/cli/container_outside.hpp"
#include "runtime/cli/hooks.hpp"
#include "runtime/cli/report.hpp"
#include "runtime/cli/rootless.hpp"
#include "runtime/mount_tree.hpp"
#include "runtime/namespaces_own.hpp"
#include "runtime/oci/id_mappings.hpp"
#include "runtime/oci/linux_check.hpp"
#include "runtime/oci/spec_check.hpp"
#include "runtime/seccomp_program.hpp"

namespace berth::runtime::cli {
namespace {

using launch::Message;

bool wants_hooks_before_pivot(const oci::Hooks& hooks) {
  return !hooks.prestart.empty() || !hooks.create_runtime.empty() || !hooks.create_container.empty();
}

Result<void> check_terminal(const CreateRequest& request, const oci::Process& process) {
  if (process.terminal && !request.keeps_terminal && request.console_socket.empty()) {
    return Error(Code::kInvalidArgument,
                 "process.terminal needs --console-socket, because nobody else would hold the terminal");
  }
  if (!process.terminal && !request.console_socket.empty())
    return Error(Code::kInvalidArgument, "--console-socket needs process.terminal");
  return {};
}

/// The root with all below it, detached. What the host mounts there later arrives, unless the
/// container's root is to be private; nothing ever goes the other way.
Result<UniqueFd> open_rootfs(const Bundle& bundle) {
  ASSIGN_OR_RETURN(UniqueFd tree, clone_tree(bundle.rootfs, true));
  const std::string& word = bundle.spec.linux_.rootfs_propagation;
  const std::uint64_t propagation = word == "private" || word == "rprivate" ? MS_PRIVATE : MS_SLAVE;
  RETURN_IF_ERROR(set_attributes(tree.get(), 0, 0, propagation, true, bundle.rootfs));
  return tree;
}

/// The host's procfs and sysfs would let more of them be mounted in a user namespace than the container's
/// own masks allow: they go first.
Result<void> move_instead_of_pivot(Plan& plan) {
  std::vector<std::string> hidden;
  ASSIGN_OR_RETURN(const std::vector<MountEntry> mounts, read_mountinfo());
  for (const MountEntry& mount : mounts) {
    if (mount.filesystem == "proc" || mount.filesystem == "sysfs") hidden.push_back(mount.mount_point);
  }
  for (PlannedOp& op : plan.ops) {
    if (op.kind != plan::OpKind::kPivot) continue;
    op.label = "move the root file system over /";
    op.mode = 1;
    op.extra = hidden;
  }
  return {};
}

/// One container being made; what it made goes when it goes, unless it is kept.
class Creation {
 public:
  Creation(const Context& context, const CreateRequest& request, Bundle bundle, StateDir dir, Record record)
      : request_(request),
        bundle_(std::move(bundle)),
        container_(context, std::move(dir), std::move(record)) {}
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;

  Result<CreatedContainer> run();
  /// Errors on the way out are warnings: the caller has the one that matters.
  void undo();

 private:
  Result<void> prepare();
  Result<void> make_cgroup();
  Result<LaunchPlan> make_plan();
  Result<void> launch();
  Result<void> converse();
  Result<void> run_early_hooks();
  Result<void> take_terminal(UniqueFd master);
  Result<void> complete();
  Result<void> restore();
  Result<void> restore_notified(const CriuReply& reply, UniqueFd fd);

  const CreateRequest& request_;
  Bundle bundle_;
  Container container_;
  std::optional<LaunchedChild> child_;
  UniqueFd terminal_;
  UniqueFd scope_hold_;  // until the container's process is in its cgroup
};

/// A cgroup namespace's files belong to whom the process is on the host. Of a user namespace that is joined
/// we do not know who that is.
Result<void> give_away(const oci::Spec& spec, const std::string& group, cgroup::Manager& cgroups) {
  if (!cgroup::is_delegated(spec)) return {};
  const std::uint32_t uid = spec.process.user.uid;
  if (oci::find_namespace(spec.linux_, oci::NamespaceType::kUser) == nullptr)
    return cgroups.delegate(group, uid);
  const auto owner = oci::host_id(spec.linux_.uid_mappings, uid);
  return owner ? cgroups.delegate(group, *owner) : Result<void>();
}

Result<void> Creation::make_cgroup() {
  Record& record = container_.record();
  const Globals& globals = container_.context().globals;
  oci::Resources& resources = bundle_.spec.linux_.resources;
  // A user namespace makes no devices, and may not say which of the host's can be opened.
  if (globals.rootless) resources.devices.clear();
  add_default_rules(resources.devices);
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container_.cgroups());
  auto made = cgroups->create(record.cgroup, resources);
  if (made) return give_away(bundle_.spec, record.cgroup, *cgroups);
  record.cgroup.clear();  // it may be somebody else's: undo() must not touch it
  if (!globals.rootless) return made;
  RETURN_IF_ERROR(go_without_cgroup(bundle_.spec, made.error()));
  warn(globals,
       std::move(made).error().add_context(cat("container ", record.id, " gets no cgroup of its own")));
  return {};
}

Result<void> Creation::prepare() {
  Record& record = container_.record();
  // First of all: whoever deletes what a killed `create` left needs to know the cgroup.
  ASSIGN_OR_RETURN(const UniqueFd config,
                   open_at(container_.dir().fd(), "config.json", O_WRONLY | O_CREAT | O_EXCL, 0600));
  RETURN_IF_ERROR(write_fd(config.get(), bundle_.text, "config.json"));
  RETURN_IF_ERROR(save_record(container_.dir(), record));
  if (::mkdirat(container_.dir().fd(), "root", 0700) != 0)
    return Error::from_errno(errno, "create", container_.dir().file("root"));
  RETURN_IF_ERROR(check_terminal(request_, bundle_.spec.process));
  ASSIGN_OR_RETURN(const cgroup::Manager* const cgroups, container_.cgroups());
  RETURN_IF_ERROR(make_cgroup());
  RETURN_IF_ERROR(complete_spec(bundle_, *cgroups, record.cgroup, bundle_.spec));
  RETURN_IF_ERROR(add_wanted_init(container_.dir(), bundle_.spec));
  for (const std::string& entry : request_.more_environment) bundle_.spec.process.env.push_back(entry);
  return {};
}

Result<LaunchPlan> Creation::make_plan() {
  const oci::Spec& spec = bundle_.spec;
  CompileOptions options;
  options.attach_dir = container_.dir().file("root");
  options.bundle = bundle_.path;
  options.container_id = container_.id();
  options.stops_for_hooks = wants_hooks_before_pivot(spec.hooks);
  options.lacks_host_rights = container_.context().globals.rootless;
  if (spec.linux_.seccomp) {
    ASSIGN_OR_RETURN(SeccompProgram program, compile_seccomp(*spec.linux_.seccomp));
    options.seccomp = std::make_shared<const SeccompProgram>(std::move(program));
  }
  ASSIGN_OR_RETURN(const auto plan, compile_container(spec, options));
  if (request_.no_new_keyring)
    std::erase_if(plan->ops, [](const PlannedOp& op) { return op.kind == plan::OpKind::kKeyring; });
  if (request_.no_pivot) RETURN_IF_ERROR(move_instead_of_pivot(*plan));
  RETURN_IF_ERROR(keep_to_rights(container_.context().globals, spec.process.user, *plan));
  PlanResources resources;
  ASSIGN_OR_RETURN(resources.rootfs, open_rootfs(bundle_));
  Record& record = container_.record();
  if (!record.cgroup.empty()) {
    ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container_.cgroups());
    ASSIGN_OR_RETURN(cgroup::JoinFds join, cgroups->open_join(record.cgroup));
    resources.cgroup_tasks = std::move(join.tasks);
    resources.cgroup_v2 = std::move(join.v2);
    scope_hold_ = std::move(join.hold);
  }
  const auto is_gate = [](const PlannedOp& op) { return op.kind == plan::OpKind::kGate; };
  const std::size_t behind =
      static_cast<std::size_t>(plan->ops.end() - std::find_if(plan->ops.begin(), plan->ops.end(), is_gate));
  ASSIGN_OR_RETURN(LaunchPlan launch, materialise(std::move(*plan), std::move(resources)));
  record.made_resctrl_group = launch.made_resctrl_group;
  for (const std::string& warning : launch.warnings)
    warn(container_.context().globals, Error(Code::kFailedPrecondition, warning));
  record.first_label = static_cast<std::uint32_t>(launch.labels.size() - behind);
  record.labels.assign(launch.labels.begin() + record.first_label, launch.labels.end());
  return launch;
}

Result<UniqueFd> make_pipe_in(const StateDir& dir, const std::string& name) {
  if (::mkfifoat(dir.fd(), name.c_str(), 0600) != 0)
    return Error::from_errno(errno, "create", dir.file(name));
  // Both ways: the container's process never meets an end of file, nor writes to nobody.
  return open_at(dir.fd(), name, O_RDWR | O_NOFOLLOW);
}

Result<void> Creation::launch() {
  LaunchOrder order;
  ASSIGN_OR_RETURN(order.plan, make_plan());
  if (!request_.opens_gate) {
    ASSIGN_OR_RETURN(order.gate, make_pipe_in(container_.dir(), "gate"));
    ASSIGN_OR_RETURN(order.result, make_pipe_in(container_.dir(), "result"));
  }
  if (!bundle_.spec.process.terminal) order.stdio = own_streams();
  order.preserved = request_.preserved;
  ASSIGN_OR_RETURN(child_, LaunchedChild::start(std::move(order)));
  return {};
}

Result<void> Creation::run_early_hooks() {
  RETURN_IF_ERROR(complete());
  const oci::Hooks& hooks = bundle_.spec.hooks;
  char** const environment = container_.context().environment;
  const std::string state = container_.hook_state(Status::kCreating, child_->pid());
  RETURN_IF_ERROR(run_hooks({"prestart", hooks.prestart, state, environment}));
  RETURN_IF_ERROR(run_hooks({"createRuntime", hooks.create_runtime, state, environment}));
  if (hooks.create_container.empty()) return {};
  ASSIGN_OR_RETURN(const pid_t inside, inner_pid(child_->pid()));
  return run_hooks_inside({"createContainer", hooks.create_container,
                           container_.hook_state(Status::kCreating, inside), environment},
                          HookRights::kMaker, container_, bundle_.spec, child_->pidfd());
}

Result<void> Creation::take_terminal(UniqueFd master) {
  if (!request_.console_socket.empty()) return send_terminal(request_.console_socket, master.get());
  terminal_ = std::move(master);
  return {};
}

Result<void> Creation::converse() {
  for (;;) {
    ASSIGN_OR_RETURN(LaunchedChild::Said said, child_->next());
    if (said.kind == Message::kSync) {
      RETURN_IF_ERROR(run_early_hooks());
      RETURN_IF_ERROR(child_->go());
    } else if (said.kind == Message::kTerminal) {
      RETURN_IF_ERROR(take_terminal(std::move(said.fd)));
    } else if (said.kind == Message::kReady) {
      return {};
    } else {
      return child_->explain(said);
    }
  }
}

Result<void> Creation::restore_notified(const CriuReply& reply, UniqueFd fd) {
  if (reply.script == "orphan-pts-master" && fd) return take_terminal(std::move(fd));
  if (reply.script != "setup-namespaces") return {};
  const oci::Hooks& hooks = bundle_.spec.hooks;
  char** const environment = container_.context().environment;
  const std::string state = container_.hook_state(Status::kCreating, reply.pid);
  RETURN_IF_ERROR(run_hooks({"prestart", hooks.prestart, state, environment}));
  return run_hooks({"createRuntime", hooks.create_runtime, state, environment});
}

/// In place of launch() and converse().
Result<void> Creation::restore() {
  CriuJob& job = *request_.images;
  job.root = bundle_.rootfs;
  job.options.root = container_.dir().file("root");
  job.options.as_sibling = true;
  RETURN_IF_ERROR(provide_outside(bundle_.spec, job));
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container_.cgroups());
  ASSIGN_OR_RETURN(cgroup::JoinFds join, cgroups->open_join(container_.record().cgroup));
  if (job.options.cgroups == CriuCgroups::kIgnore) job.group = &join;
  for (const auto& hierarchy : cgroups->hierarchies()) {
    std::string controllers;
    for (const std::string& name : hierarchy.controllers)
      controllers.append(cat(controllers.empty() ? "" : ",", name));
    job.options.cgroup_roots.emplace_back(controllers, container_.record().cgroup);
  }
  job.notified = [this](const CriuReply& reply, UniqueFd fd) {
    return restore_notified(reply, std::move(fd));
  };
  ASSIGN_OR_RETURN(const pid_t pid, run_criu(job, container_.context().environment));
  ASSIGN_OR_RETURN(child_, LaunchedChild::adopt(pid));
  return {};
}

/// The record with the process in it.
Result<void> Creation::complete() {
  if (container_.record().process.pid != 0) return {};
  ASSIGN_OR_RETURN(container_.record().process, identify_process(child_->pid()));
  return save_record(container_.dir(), container_.record());
}

Result<CreatedContainer> Creation::run() {
  RETURN_IF_ERROR(prepare());
  if (request_.images != nullptr) {
    RETURN_IF_ERROR(restore());
  } else {
    RETURN_IF_ERROR(launch());
    RETURN_IF_ERROR(converse());
  }
  RETURN_IF_ERROR(complete());
  if (!request_.pid_file.empty()) RETURN_IF_ERROR(write_pid_file(request_.pid_file, child_->pid()));
  container_.keep_spec(std::move(bundle_.spec));
  return CreatedContainer{std::move(container_), *std::move(child_), std::move(terminal_)};
}

void Creation::undo() {
  if (child_ && child_->pidfd() >= 0) {
    (void)signal_process(child_->pidfd(), SIGKILL);
    (void)wait_for_end(child_->pidfd());
  }
  child_.reset();
  scope_hold_.reset();
  auto gone = container_.destroy();
  if (!gone) warn(container_.context().globals, std::move(gone).error());
}

Result<Record> new_record(const Globals& globals, const Bundle& bundle, const std::string& id) {
  Record record;
  record.id = id;
  record.bundle = bundle.path;
  record.rootfs = bundle.rootfs;
  record.created = rfc3339(now_ns());
  record.owner = ::geteuid() == 0 ? "root" : std::to_string(::geteuid());
  record.systemd_cgroup = globals.systemd_cgroup;
  ASSIGN_OR_RETURN(record.cgroup, cgroup_path(bundle.spec, id, record.systemd_cgroup));
  record.annotations = bundle.spec.annotations;
  return record;
}

}  // namespace

Result<CreatedContainer> create_container(const Context& context, const CreateRequest& request) {
  RETURN_IF_ERROR(check_container_id(request.id));
  ASSIGN_OR_RETURN(Bundle bundle, load_bundle(request.bundle));
  ASSIGN_OR_RETURN(Record record, new_record(context.globals, bundle, request.id));
  if (context.globals.rootless) {
    RETURN_IF_ERROR(enter_own_namespace(bundle.spec));
    RETURN_IF_ERROR(own_mounts());
  }
  ASSIGN_OR_RETURN(StateDir dir, StateDir::create(context.globals.root, request.id));
  Creation creation(context, request, std::move(bundle), std::move(dir), std::move(record));
  auto created = creation.run();
  if (!created) creation.undo();
  return created;
}

std::array<int, 3> own_streams() {
  std::array<int, 3> streams{};
  for (int fd = 0; fd <= 2; ++fd) {
    struct stat status {};
    const bool is_null =
        ::fstat(fd, &status) != 0 || (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3));
    streams[static_cast<std::size_t>(fd)] = is_null ? -1 : fd;
  }
  return streams;
}

Result<void> write_pid_file(const std::string& path, pid_t pid) {
  return write_file(path, std::to_string(pid), Durability::kAtomic, 0644);
}

}  // namespace berth::runtime::cli
