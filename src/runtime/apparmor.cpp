// SPDX-License-Identifier: Apache-2.0
#include "runtime/apparmor.hpp"

#include <sys/apparmor.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "base/subprocess.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxProfileList = 4 << 20;
constexpr std::size_t kMaxPolicy = 4 << 20;
constexpr std::size_t kMaxComplaint = 300;
constexpr const char* kParsers[] = {"/usr/sbin/apparmor_parser", "/sbin/apparmor_parser",
                                    "/usr/local/sbin/apparmor_parser"};

using Features = std::unique_ptr<aa_features, decltype(&aa_features_unref)>;
using Interface = std::unique_ptr<aa_kernel_interface, decltype(&aa_kernel_interface_unref)>;
using Text = std::unique_ptr<char, decltype(&std::free)>;

Result<ApparmorFeatures> read_features() {
  aa_features* raw = nullptr;
  if (aa_features_new_from_kernel(&raw) != 0)
    return Error::from_errno(errno, "read", "the features of the kernel's AppArmor");
  const Features kernel(raw, aa_features_unref);
  const auto has = [&](const char* name) { return aa_features_supports(kernel.get(), name); };
  ApparmorFeatures features;
  features.mount = has("mount");
  features.signal = has("signal");
  features.ptrace = has("ptrace");
  features.unix_sockets = has("network/af_unix") || has("network_v8/af_unix") || has("network_v9/af_unix");
  features.dbus = has("dbus");
  features.message_queues = has("ipc/posix_mqueue");
  features.user_namespaces = has("namespaces/mask/userns_create");
  features.io_uring = has("io_uring");
  return features;
}

/// What this process, and so every shim, is confined by.
std::string own_label() {
  char* label = nullptr;
  char* mode = nullptr;  // inside of `label`
  if (aa_getcon(&label, &mode) < 0) return "unconfined";
  const Text owned(label, std::free);
  return label;
}

Result<std::string> find_parser() {
  for (const char* path : kParsers) {
    if (::access(path, X_OK) == 0) return std::string(path);
  }
  return Error(Code::kFailedPrecondition, "apparmor_parser is not installed");
}

/// The kernel takes policy as a compiled automaton only.
Result<std::string> compile(const std::string& parser, std::string_view text,
                            std::chrono::steady_clock::time_point deadline) {
  SpawnRequest request;
  request.program = parser;
  request.argv = {"apparmor_parser", "--stdout", "--skip-kernel-load", "--skip-cache", "--quiet"};
  request.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
  request.new_session = true;
  ASSIGN_OR_RETURN(Completed done, run_to_end(std::move(request), text, kMaxPolicy, deadline));
  if (done.wait_status != 0) {
    done.err.resize(std::min(done.err.size(), kMaxComplaint));
    while (done.err.ends_with('\n')) done.err.pop_back();
    return Error(Code::kInternal,
                 cat("apparmor_parser: ", describe_wait_status(done.wait_status), ": ", done.err));
  }
  if (done.out.empty() || done.out.size() >= kMaxPolicy)
    return Error(Code::kInternal, "apparmor_parser made no policy of a usable size");
  return std::move(done.out);
}

Result<void> load(const std::string& policy) {
  aa_kernel_interface* raw = nullptr;
  if (aa_kernel_interface_new(&raw, nullptr, nullptr) != 0)
    return Error::from_errno(errno, "open", "the policy interface of the kernel's AppArmor");
  const Interface kernel(raw, aa_kernel_interface_unref);
  if (aa_kernel_interface_replace_policy(kernel.get(), policy.data(), policy.size()) != 0)
    return Error::from_errno(errno, "load AppArmor profile", std::string(kApparmorDefault));
  return {};
}

Result<void> compile_and_load(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  ASSIGN_OR_RETURN(const std::string parser, find_parser());
  ASSIGN_OR_RETURN(const ApparmorFeatures features, read_features());
  const std::string label = own_label();
  auto policy = compile(parser, apparmor_default_text(features, label), deadline);
  if (!policy) {
    log::debug("this apparmor_parser is older than the kernel", {{"error", policy.error().to_string()}});
    policy = compile(parser, apparmor_basic_text(label), deadline);
  }
  if (!policy) return std::move(policy).error();
  return load(*policy);
}

/// Where securityfs has AppArmor's files; empty when it has not.
std::string find_securityfs() {
  char* path = nullptr;
  if (aa_find_mountpoint(&path) != 0) return "";
  const Text owned(path, std::free);
  return path;
}

}  // namespace

bool has_apparmor_parser() {
  return static_cast<bool>(find_parser());
}

bool apparmor_enabled() {
  return aa_is_enabled() == 1;
}

std::string Apparmor::describe() const {
  if (!enabled) return "not enabled";
  if (problem.empty()) return cat("enabled, default profile ", kApparmorDefault);
  return cat("enabled, without a default profile: ", problem);
}

Apparmor load_apparmor_default(std::chrono::milliseconds patience) {
  Apparmor state;
  state.enabled = apparmor_enabled();
  if (!state.enabled) return state;
  const auto loaded = compile_and_load(patience);
  // Without a parser it may still be there: packaged with the host's other profiles.
  if (loaded || check_apparmor_profile(std::string(kApparmorDefault))) return state;
  state.problem = loaded.error().to_string();
  return state;
}

Result<void> restore_apparmor_default(std::chrono::milliseconds patience) {
  static std::mutex one_at_a_time;
  const std::string name(kApparmorDefault);
  if (check_apparmor_profile(name)) return {};
  const std::lock_guard lock(one_at_a_time);
  if (check_apparmor_profile(name)) return {};
  log::warn("the default AppArmor profile is gone and is loaded again", {{"profile", name}});
  return compile_and_load(patience);
}

bool apparmor_list_has(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::string_view line = list.substr(0, list.find('\n'));
    list.remove_prefix(std::min(list.size(), line.size() + 1));
    // A name may hold spaces and parentheses; the mode is what comes last.
    if (line.substr(0, line.rfind(" (")) == name) return true;
  }
  return false;
}

Result<void> check_apparmor_profile(const std::string& name) {
  const std::string securityfs = apparmor_enabled() ? find_securityfs() : "";
  if (securityfs.empty()) {
    return Error(Code::kInvalidArgument, cat("AppArmor profile \"", name,
                                             "\" cannot be applied: AppArmor is not enabled on this host"));
  }
  ASSIGN_OR_RETURN(const std::string list, read_file(securityfs + "/profiles", kMaxProfileList));
  if (!name.empty() && apparmor_list_has(list, name)) return {};
  return Error(Code::kInvalidArgument, cat("AppArmor profile \"", name, "\" is not loaded on this host"));
}

}  // namespace berth::runtime
