// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/spec_check.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "base/cat.hpp"
#include "runtime/oci/linux_check.hpp"
#include "runtime/oci/rlimits.hpp"

namespace berth::oci {
namespace {

constexpr std::uint32_t kMaxId = 0x7fffffff;
constexpr std::size_t kMaxGroups = 65536;  // NGROUPS_MAX
constexpr std::size_t kMaxPath = 4095;     // PATH_MAX without its NUL
constexpr std::int64_t kMaxMajor = 0xfff;  // a dev_t of the kernel: 12 + 20 bits
constexpr std::int64_t kMaxMinor = 0xfffff;

// Files that lxcfs shows per container; everything else in /proc is the kernel's own.
constexpr std::string_view kProcFiles[] = {"/proc/cpuinfo",
                                           "/proc/diskstats",
                                           "/proc/meminfo",
                                           "/proc/stat",
                                           "/proc/swaps",
                                           "/proc/uptime",
                                           "/proc/loadavg",
                                           "/proc/slabinfo",
                                           "/proc/sys/kernel/ns_last_pid",
                                           "/proc/sys/crypto/fips_enabled"};

Error invalid(std::string_view field, std::string_view value, std::string_view problem) {
  return Error(Code::kInvalidArgument, cat(field, ": \"", value, "\" ", problem));
}

Result<void> check_text(std::string_view field, std::string_view value) {
  if (value.find('\0') == std::string_view::npos) return {};
  return Error(Code::kInvalidArgument, cat(field, ": contains a NUL byte"));
}

Result<void> check_path(std::string_view field, std::string_view path) {
  RETURN_IF_ERROR(check_text(field, path));
  if (path.empty() || path.front() != '/') return invalid(field, path, "is not an absolute path");
  if (path.size() > kMaxPath)
    return Error(Code::kInvalidArgument, cat(field, ": longer than ", kMaxPath, " bytes"));
  return {};
}

Result<void> check_id(std::string_view field, std::uint32_t id) {
  if (id <= kMaxId) return {};
  return Error(Code::kInvalidArgument, cat(field, ": ", id, " is above ", kMaxId));
}

Result<void> check_user(const User& user) {
  RETURN_IF_ERROR(check_id("process.user.uid", user.uid));
  RETURN_IF_ERROR(check_id("process.user.gid", user.gid));
  for (std::uint32_t gid : user.additional_gids)
    RETURN_IF_ERROR(check_id("process.user.additionalGids", gid));
  if (user.additional_gids.size() > kMaxGroups) {
    return Error(Code::kInvalidArgument, cat("process.user.additionalGids: more than ", kMaxGroups));
  }
  if (user.umask && *user.umask > 0777)
    return Error(Code::kInvalidArgument, cat("process.user.umask: ", *user.umask, " is above 511"));
  return {};
}

Result<void> check_rlimits(const std::vector<Rlimit>& rlimits) {
  std::set<std::string> seen;
  for (const Rlimit& limit : rlimits) {
    if (!rlimit_number(limit.type)) return invalid("process.rlimits", limit.type, "is not a resource limit");
    if (!seen.insert(limit.type).second) return invalid("process.rlimits", limit.type, "is given twice");
    if (limit.soft > limit.hard) {
      return invalid("process.rlimits", limit.type,
                     cat("has a soft limit of ", limit.soft, " above the hard one of ", limit.hard));
    }
  }
  return {};
}

Result<void> check_namespaces(const std::vector<Namespace>& namespaces) {
  std::set<NamespaceType> seen;
  for (const Namespace& entry : namespaces) {
    if (!seen.insert(entry.type).second)
      return Error(Code::kInvalidArgument, "linux.namespaces: one type is given twice");
    if (!entry.path.empty()) RETURN_IF_ERROR(check_path("linux.namespaces.path", entry.path));
  }
  return {};
}

bool is_procfs(const Mount& mount) {
  // A bind of the host's /proc is one too; that it really is procfs is checked on the descriptor.
  return mount.type == "proc" || clean_path(mount.source) == "/proc";
}

Result<void> check_mount(const Mount& mount, const std::string& field) {
  // The specification's older versions had relative ones, meant from the root on.
  if (mount.destination.empty()) return invalid(field + ".destination", mount.destination, "is empty");
  RETURN_IF_ERROR(check_path(field + ".destination", cat("/", mount.destination)));
  RETURN_IF_ERROR(check_text(field + ".type", mount.type));
  RETURN_IF_ERROR(check_text(field + ".source", mount.source));
  for (const std::string& option : mount.options) RETURN_IF_ERROR(check_text(field + ".options", option));
  const auto has = [&](std::string_view word) {
    return std::find(mount.options.begin(), mount.options.end(), word) != mount.options.end();
  };
  const bool bind = mount.type == "bind" || has("bind") || has("rbind");
  const bool remount = has("remount");
  const std::string destination = clean_path(mount.destination);
  if (destination == "/") return invalid(field + ".destination", mount.destination, "would cover the root");
  if (bind && !remount) RETURN_IF_ERROR(check_path(field + ".source", cat("/", mount.source)));
  if (bind && !remount && mount.source.empty()) return invalid(field + ".source", mount.source, "is empty");
  if (!bind && !remount && mount.type.empty())
    return invalid(field + ".type", mount.type, "is not a file system type");
  if (remount) return {};
  if (destination == "/proc" && !is_procfs(mount)) {
    return invalid(field + ".destination", mount.destination, "can only be procfs");
  }
  const bool shown_file =
      std::find(std::begin(kProcFiles), std::end(kProcFiles), destination) != std::end(kProcFiles);
  if (is_below(destination, "/proc") && !(bind && shown_file)) {
    return invalid(field + ".destination", mount.destination, "is inside /proc");
  }
  return {};
}

Result<void> check_device(const Device& device) {
  RETURN_IF_ERROR(check_path("linux.devices.path", device.path));
  if (std::string_view("cubp").find(device.type) == std::string_view::npos) {
    return invalid("linux.devices.type", std::string(1, device.type), "is not one of c, u, b, p");
  }
  if (clean_path(device.path) == "/") return invalid("linux.devices.path", device.path, "is not a file");
  const bool numbers =
      device.major >= 0 && device.major <= kMaxMajor && device.minor >= 0 && device.minor <= kMaxMinor;
  if (device.type != 'p' && !numbers) {
    return invalid("linux.devices", device.path,
                   cat("has no valid device number: ", device.major, ":", device.minor));
  }
  RETURN_IF_ERROR(check_id("linux.devices.uid", device.uid));
  return check_id("linux.devices.gid", device.gid);
}

Result<void> check_linux(const Linux& linux_) {
  RETURN_IF_ERROR(check_namespaces(linux_.namespaces));
  for (const Device& device : linux_.devices) RETURN_IF_ERROR(check_device(device));
  for (const std::string& path : linux_.masked_paths) RETURN_IF_ERROR(check_path("linux.maskedPaths", path));
  RETURN_IF_ERROR(check_text("linux.mountLabel", linux_.mount_label));
  for (const std::string& path : linux_.readonly_paths)
    RETURN_IF_ERROR(check_path("linux.readonlyPaths", path));
  RETURN_IF_ERROR(check_sysctls(linux_));
  return check_extras(linux_);
}

Result<void> check_hooks(std::string_view point, const std::vector<Hook>& hooks) {
  for (const Hook& hook : hooks) {
    RETURN_IF_ERROR(check_path(cat("hooks.", point, ".path"), hook.path));
    for (const std::string& word : hook.args)
      RETURN_IF_ERROR(check_text(cat("hooks.", point, ".args"), word));
    for (const std::string& entry : hook.env.value_or(std::vector<std::string>{}))
      RETURN_IF_ERROR(check_text(cat("hooks.", point, ".env"), entry));
    if (hook.timeout && *hook.timeout <= 0)
      return invalid(cat("hooks.", point, ".timeout"), std::to_string(*hook.timeout), "is not above zero");
  }
  return {};
}

Result<void> check_all_hooks(const Hooks& hooks) {
  RETURN_IF_ERROR(check_hooks("prestart", hooks.prestart));
  RETURN_IF_ERROR(check_hooks("createRuntime", hooks.create_runtime));
  RETURN_IF_ERROR(check_hooks("createContainer", hooks.create_container));
  RETURN_IF_ERROR(check_hooks("startContainer", hooks.start_container));
  RETURN_IF_ERROR(check_hooks("poststart", hooks.poststart));
  return check_hooks("poststop", hooks.poststop);
}

}  // namespace

std::string clean_path(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string clean;
  for (std::string_view part : parts) clean.append("/").append(part);
  return clean.empty() ? "/" : clean;
}

bool is_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.size() > 1;
  return path.size() > directory.size() + 1 && path.substr(0, directory.size()) == directory &&
         path[directory.size()] == '/';
}

Result<void> check_process(const Process& process) {
  RETURN_IF_ERROR(check_path("process.cwd", process.cwd));
  if (process.args.empty()) return Error(Code::kInvalidArgument, "process.args: is empty");
  if (process.args.front().empty()) return Error(Code::kInvalidArgument, "process.args[0]: is empty");
  for (const std::string& argument : process.args) RETURN_IF_ERROR(check_text("process.args", argument));
  for (const std::string& entry : process.env) RETURN_IF_ERROR(check_text("process.env", entry));
  RETURN_IF_ERROR(check_user(process.user));
  RETURN_IF_ERROR(check_rlimits(process.rlimits));
  RETURN_IF_ERROR(check_text("process.apparmorProfile", process.apparmor_profile));
  RETURN_IF_ERROR(check_text("process.selinuxLabel", process.selinux_label));
  if (process.oom_score_adj && (*process.oom_score_adj < -1000 || *process.oom_score_adj > 1000)) {
    return Error(Code::kInvalidArgument,
                 cat("process.oomScoreAdj: ", *process.oom_score_adj, " is not between -1000 and 1000"));
  }
  return check_scheduling(process);
}

Result<void> check_spec(const Spec& spec) {
  RETURN_IF_ERROR(check_process(spec.process));
  RETURN_IF_ERROR(check_text("hostname", spec.hostname));
  RETURN_IF_ERROR(check_text("domainname", spec.domainname));
  RETURN_IF_ERROR(check_text("root.path", spec.root.path));
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    const std::string field = cat("mounts[", i, "]");
    RETURN_IF_ERROR(check_mount(spec.mounts[i], field));
    RETURN_IF_ERROR(check_mount_mappings(spec.mounts[i], field, spec.linux_));
  }
  RETURN_IF_ERROR(check_all_hooks(spec.hooks));
  RETURN_IF_ERROR(check_linux(spec.linux_));
  return check_user_namespace(spec);
}

}  // namespace berth::oci
