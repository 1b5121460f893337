// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/security.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/seccomp_program.hpp"

// Clients from before the structured fields still send the string forms, which are marked as
// deprecated in the API.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace berth::daemon {
namespace {

/// What containerd and Docker give to an unprivileged container.
constexpr const char* kDefaultCapabilities[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE"};

constexpr std::size_t kProfileLimit = 4 << 20;
constexpr std::string_view kLocalPrefix = "localhost/";

/// "net_admin" and "CAP_NET_ADMIN" are the same; "ALL" stays.
std::string canonical(const std::string& name) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (upper == "ALL" || upper.starts_with("CAP_")) return upper;
  return "CAP_" + upper;
}

Result<std::set<std::string>> canonical_set(std::string_view field,
                                            const google::protobuf::RepeatedPtrField<std::string>& names) {
  std::set<std::string> set;
  for (const auto& name : names) {
    const std::string word = canonical(name);
    if (word != "ALL" && !runtime::capability_number(word)) {
      return Error(Code::kInvalidArgument,
                   cat("security_context.capabilities.", field, " \"", name, "\" is not a capability"));
    }
    set.insert(word);
  }
  return set;
}

Result<oci::Seccomp> load_profile(const std::string& path, const std::vector<std::string>& capabilities) {
  if (path.empty() || path[0] != '/') {
    return Error(Code::kInvalidArgument, cat("seccomp profile \"", path, "\" is not an absolute path"));
  }
  auto text = read_file(path, kProfileLimit);
  if (!text) {
    Error error = std::move(text).error();
    error.recode(Code::kInvalidArgument).add_context(cat("seccomp profile \"", path, "\""));
    return error;
  }
  return runtime::parse_seccomp_profile(*text, capabilities).context(cat("seccomp profile \"", path, "\""));
}

/// The old string form, used when the structured field is absent.
Result<std::optional<oci::Seccomp>> legacy_seccomp(const std::string& word,
                                                   const std::vector<std::string>& capabilities) {
  if (word.empty() || word == "unconfined") return std::optional<oci::Seccomp>();
  if (word == "runtime/default" || word == "docker/default") {
    return std::optional(runtime::default_seccomp_profile(capabilities));
  }
  if (word.starts_with(kLocalPrefix)) {
    ASSIGN_OR_RETURN(oci::Seccomp profile, load_profile(word.substr(kLocalPrefix.size()), capabilities));
    return std::optional(std::move(profile));
  }
  return Error(Code::kInvalidArgument,
               cat("security_context.seccomp_profile_path \"", word, "\" is unknown"));
}

struct ApparmorWish {
  enum class Kind : std::uint8_t { kNone, kDefault, kUnconfined, kLocalhost };
  Kind kind = Kind::kNone;
  std::string profile = {};
};

Result<ApparmorWish> localhost_profile(std::string_view field, std::string name) {
  // The prefix belongs to the string form, but clients carry it into the structured one.
  if (name.starts_with(kLocalPrefix)) name.erase(0, kLocalPrefix.size());
  if (name.empty())
    return Error(Code::kInvalidArgument, cat("security_context.", field, ": names no profile"));
  return ApparmorWish{ApparmorWish::Kind::kLocalhost, std::move(name)};
}

Result<ApparmorWish> apparmor_wish(const cri::LinuxContainerSecurityContext& security) {
  if (security.has_apparmor()) {
    switch (security.apparmor().profile_type()) {
      case cri::SecurityProfile::RuntimeDefault:
        return ApparmorWish{ApparmorWish::Kind::kDefault};
      case cri::SecurityProfile::Unconfined:
        return ApparmorWish{ApparmorWish::Kind::kUnconfined};
      case cri::SecurityProfile::Localhost:
        return localhost_profile("apparmor.localhost_ref", security.apparmor().localhost_ref());
      default:
        return Error(Code::kInvalidArgument,
                     cat("security_context.apparmor.profile_type ",
                         static_cast<int>(security.apparmor().profile_type()), " is unknown"));
    }
  }
  const std::string& word = security.apparmor_profile();
  if (word.empty()) return ApparmorWish{};
  if (word == "runtime/default") return ApparmorWish{ApparmorWish::Kind::kDefault};
  if (word == "unconfined") return ApparmorWish{ApparmorWish::Kind::kUnconfined};
  if (word.starts_with(kLocalPrefix)) return localhost_profile("apparmor_profile", word);
  return Error(Code::kInvalidArgument, cat("security_context.apparmor_profile \"", word, "\" is unknown"));
}

}  // namespace

Result<oci::Capabilities> container_capabilities(const cri::LinuxContainerSecurityContext& security) {
  oci::Capabilities result;
  if (security.privileged()) {
    result.bounding = runtime::capability_names(runtime::own_bounding_set());
    result.permitted = result.effective = result.bounding;
    return result;
  }
  const auto& wish = security.capabilities();
  ASSIGN_OR_RETURN(const auto add, canonical_set("add_capabilities", wish.add_capabilities()));
  ASSIGN_OR_RETURN(const auto drop, canonical_set("drop_capabilities", wish.drop_capabilities()));
  ASSIGN_OR_RETURN(auto ambient, canonical_set("add_ambient_capabilities", wish.add_ambient_capabilities()));

  std::set<std::string> set(std::begin(kDefaultCapabilities), std::end(kDefaultCapabilities));
  const auto all = runtime::capability_names(runtime::own_bounding_set());
  if (add.contains("ALL")) set.insert(all.begin(), all.end());
  if (drop.contains("ALL")) set.clear();
  for (const auto& name : add) {
    if (name != "ALL") set.insert(name);
  }
  for (const auto& name : drop) set.erase(name);
  if (ambient.erase("ALL") > 0) ambient.insert(all.begin(), all.end());
  set.insert(ambient.begin(), ambient.end());
  // What the daemon itself lacks cannot be given; asking for it must not make capset fail.
  for (const auto& name : set) {
    if (std::find(all.begin(), all.end(), name) != all.end()) result.bounding.push_back(name);
  }
  result.permitted = result.effective = result.bounding;
  for (const auto& name : ambient) {
    if (std::find(all.begin(), all.end(), name) == all.end()) continue;
    result.inheritable.push_back(name);  // the kernel raises ambient only for what is inheritable, too
    result.ambient.push_back(name);
  }
  return result;
}

Result<std::optional<oci::Seccomp>> container_seccomp(const cri::LinuxContainerSecurityContext& security,
                                                      const std::vector<std::string>& capabilities) {
  if (security.privileged()) return std::optional<oci::Seccomp>();
  if (!security.has_seccomp()) return legacy_seccomp(security.seccomp_profile_path(), capabilities);
  switch (security.seccomp().profile_type()) {
    case cri::SecurityProfile::RuntimeDefault:
      return std::optional(runtime::default_seccomp_profile(capabilities));
    case cri::SecurityProfile::Unconfined:
      return std::optional<oci::Seccomp>();
    case cri::SecurityProfile::Localhost: {
      ASSIGN_OR_RETURN(oci::Seccomp profile, load_profile(security.seccomp().localhost_ref(), capabilities));
      return std::optional(std::move(profile));
    }
    default:
      break;
  }
  return Error(Code::kInvalidArgument,
               cat("security_context.seccomp.profile_type ",
                   static_cast<int>(security.seccomp().profile_type()), " is unknown"));
}

Result<std::string> container_apparmor(const cri::LinuxContainerSecurityContext& security,
                                       const runtime::Apparmor& host) {
  ASSIGN_OR_RETURN(const ApparmorWish wish, apparmor_wish(security));
  switch (wish.kind) {
    case ApparmorWish::Kind::kUnconfined:
      return std::string();
    case ApparmorWish::Kind::kLocalhost:
      if (!host.enabled) {
        return Error(Code::kInvalidArgument, cat("security_context.apparmor: profile \"", wish.profile,
                                                 "\": AppArmor is not enabled on this host"));
      }
      return wish.profile;
    case ApparmorWish::Kind::kNone:
    case ApparmorWish::Kind::kDefault:
      break;
  }
  const bool explicitly = wish.kind == ApparmorWish::Kind::kDefault;
  if (security.privileged()) return std::string();
  if (host.enabled && host.problem.empty()) return std::string(runtime::kApparmorDefault);
  if (host.enabled && explicitly) {
    return Error(Code::kFailedPrecondition,
                 cat("security_context.apparmor: no default profile: ", host.problem));
  }
  if (host.enabled || explicitly)
    log::warn("a container runs without an AppArmor profile", {{"apparmor", host.describe()}});
  return std::string();
}

Result<void> check_selinux(const cri::LinuxContainerSecurityContext& security, bool enabled) {
  const auto& options = security.selinux_options();
  if (options.user().empty() && options.role().empty() && options.type().empty() && options.level().empty())
    return {};
  if (enabled) {
    return Error(Code::kUnimplemented,
                 "security_context.selinux_options: labels of containers' files are not supported");
  }
  log::warn("SELinux options are ignored: SELinux is not enabled on this host", {{"type", options.type()}});
  return {};
}

const std::vector<std::string>& default_masked_paths() {
  static const std::vector<std::string> paths = {
      "/proc/acpi",          "/proc/asound",     "/proc/kcore",       "/proc/keys",
      "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
      "/proc/scsi",          "/proc/interrupts", "/sys/firmware",     "/sys/devices/virtual/powercap"};
  return paths;
}

const std::vector<std::string>& default_readonly_paths() {
  static const std::vector<std::string> paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                                 "/proc/sysrq-trigger"};
  return paths;
}

}  // namespace berth::daemon
