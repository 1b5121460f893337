// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/container_spec.hpp"

#include <chrono>
#include <unordered_map>

#include "base/cat.hpp"
#include "daemon/config_ulimit.hpp"
#include "daemon/spec/devices.hpp"
#include "daemon/spec/pod_files.hpp"
#include "daemon/spec/resources.hpp"
#include "daemon/spec/security.hpp"
#include "daemon/spec/user_namespace.hpp"
#include "runtime/init_mode.hpp"
#include "runtime/selinux.hpp"

namespace berth::daemon {
namespace {

constexpr std::chrono::seconds kReloadPatience{10};
constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables in the order in which they were last set. A kubelet sends seven for every service of a
/// namespace: they are not compared each with each.
class Environment {
 public:
  void set(const std::string& name, const std::string& value) {
    const auto [at, added] = index_.try_emplace(name, entries_.size());
    if (!added) entries_[at->second].clear();
    at->second = entries_.size();
    entries_.push_back(cat(name, "=", value));
  }
  void set_default(const std::string& name, const std::string& value) {
    if (!index_.contains(name)) set(name, value);
  }
  std::vector<std::string> take() && {
    std::erase_if(entries_, [](const std::string& entry) { return entry.empty(); });
    return std::move(entries_);
  }

 private:
  std::vector<std::string> entries_;  ///< empty: set again later
  std::unordered_map<std::string, std::size_t> index_;
};

std::vector<std::string> environment(const SpecInputs& in, const ResolvedUser& user) {
  Environment env;
  for (const auto& entry : in.image.env) {
    const auto equals = entry.find('=');
    if (equals != std::string::npos && equals > 0) env.set(entry.substr(0, equals), entry.substr(equals + 1));
  }
  for (const auto& pair : in.config.envs()) env.set(pair.key(), pair.value());
  env.set_default("PATH", kDefaultPath);
  if (!in.pod.host_network || !in.pod.config.hostname().empty())
    env.set_default("HOSTNAME", pod_hostname(in.pod.config));
  if (in.config.tty()) env.set_default("TERM", "xterm");
  env.set_default("HOME", user.home);
  return std::move(env).take();
}

std::string working_dir(const SpecInputs& in) {
  const std::string& wish = in.config.working_dir().empty() ? in.image.working_dir : in.config.working_dir();
  if (wish.empty()) return "/";
  return wish[0] == '/' ? wish : "/" + wish;
}

/// Namespaces: the pod's, the host's (none), or the container's own.
void add_namespaces(const SpecInputs& in, ContainerSpec& out) {
  using enum oci::NamespaceType;
  auto& list = out.spec.linux_.namespaces;
  auto pods = [&](oci::NamespaceType type) {
    list.push_back({type, ""});
    out.pod_namespaces.insert(type);
  };
  list.push_back({kMount, ""});
  if (!in.pod.host_network) {
    pods(kNetwork);
    pods(kUts);
  }
  if (!in.pod.host_ipc) pods(kIpc);
  const auto pid = in.config.linux().security_context().namespace_options().pid();
  if (id_maps_of(in.pod.config)) pods(kUser);
  if (in.target_pid != 0) {
    list.push_back({kPid, cat("/proc/", in.target_pid, "/ns/pid")});
  } else if (pid == cri::POD && in.pod.share_pid) {
    pods(kPid);
  } else if (pid != cri::NODE) {
    list.push_back({kPid, ""});  // CONTAINER, or POD in a pod that shares none
  }
  if (!in.config.linux().security_context().privileged()) list.push_back({kCgroup, ""});
}

Result<void> fill_process(const SpecInputs& in, const ResolvedUser& user, oci::Process& process) {
  const auto& security = in.config.linux().security_context();
  process.terminal = in.config.tty();
  process.user.uid = user.uid;
  process.user.gid = user.gid;
  process.user.additional_gids = user.groups;
  ASSIGN_OR_RETURN(process.args, container_args(in.config, in.image));
  process.env = environment(in, user);
  process.cwd = working_dir(in);
  ASSIGN_OR_RETURN(process.capabilities, container_capabilities(security));
  ASSIGN_OR_RETURN(process.apparmor_profile, container_apparmor(security, in.apparmor));
  if (process.apparmor_profile == runtime::kApparmorDefault)
    RETURN_IF_ERROR(runtime::restore_apparmor_default(kReloadPatience));
  process.no_new_privileges = security.no_new_privs() && !security.privileged();
  for (const auto& text : in.default_ulimits) {
    ASSIGN_OR_RETURN(Ulimit limit, parse_ulimit(text));
    process.rlimits.push_back({std::move(limit.type), limit.soft, limit.hard});
  }
  process.oom_score_adj = static_cast<int>(in.config.linux().resources().oom_score_adj());
  return {};
}

Result<void> fill_linux(const SpecInputs& in, ContainerSpec& out) {
  const auto& security = in.config.linux().security_context();
  oci::Linux& target = out.spec.linux_;
  target.cgroups_path = in.cgroup_path;
  IdMaps maps = id_maps_of(in.pod.config);
  target.uid_mappings = std::move(maps.uids);
  target.gid_mappings = std::move(maps.gids);
  target.resources = to_oci(in.config.linux().resources());
  ASSIGN_OR_RETURN(ContainerDevices devices, container_devices(in.config));
  target.devices = std::move(devices.nodes);
  target.resources.devices = std::move(devices.rules);
  ASSIGN_OR_RETURN(target.seccomp, container_seccomp(security, out.spec.process.capabilities->bounding));
  if (security.privileged()) return {};
  if (in.config.linux().has_security_context()) {
    // The kubelet always says which; an empty list means unmasked (procMount).
    target.masked_paths.assign(security.masked_paths().begin(), security.masked_paths().end());
    target.readonly_paths.assign(security.readonly_paths().begin(), security.readonly_paths().end());
  } else {
    target.masked_paths = default_masked_paths();
    target.readonly_paths = default_readonly_paths();
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> container_args(const cri::ContainerConfig& config,
                                                const image::ImageConfig& image) {
  std::vector<std::string> args(config.command().begin(), config.command().end());
  if (args.empty()) {
    args = image.entrypoint;
    if (config.args().empty()) args.insert(args.end(), image.cmd.begin(), image.cmd.end());
  }
  args.insert(args.end(), config.args().begin(), config.args().end());
  if (args.empty() || args[0].empty()) {
    return Error(Code::kInvalidArgument,
                 "config.command: neither the request nor the image names a program to run");
  }
  return args;
}

Result<ContainerSpec> build_container_spec(const SpecInputs& in) {
  ContainerSpec out;
  const auto& security = in.config.linux().security_context();
  if (security.privileged() && !in.pod.config.linux().security_context().privileged()) {
    return Error(Code::kInvalidArgument,
                 "security_context.privileged: a privileged container needs a privileged pod sandbox");
  }
  RETURN_IF_ERROR(check_same_user_namespace(in.pod.config, in.config));
  RETURN_IF_ERROR(check_selinux(security, runtime::selinux_enabled()));
  ASSIGN_OR_RETURN(out.user, resolve_user(in.rootfs_fd, in.image.user, security));
  RETURN_IF_ERROR(fill_process(in, out.user, out.spec.process));
  add_namespaces(in, out);
  RETURN_IF_ERROR(fill_linux(in, out));
  ASSIGN_OR_RETURN(out.spec.mounts, container_mounts({in.pod, in.config, in.layout, in.cgroups, in.images}));
  // Bidirectional mounts must reach the host, so the root may not be private then; slave is what
  // lets host mounts arrive.
  out.spec.linux_.rootfs_propagation = "slave";
  out.spec.root.path = "rootfs";
  out.spec.root.readonly = security.readonly_rootfs();
  if (in.handler.init) {
    using runtime::InitSignals;
    const bool group = in.handler.init_group;
    runtime::add_init(in.pid1_path, group ? InitSignals::kGroup : InitSignals::kProgram, out.spec);
  }
  return out;
}

}  // namespace berth::daemon
