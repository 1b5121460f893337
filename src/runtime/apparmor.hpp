// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime {

/// AppArmor: what the kernel confines with, the profile that containers get by default, and whether
/// a profile can be had. Setting it on a process is the launch plan's business (OpKind::kLabel).

inline constexpr std::string_view kApparmorDefault = "berth-default";

/// What a kernel mediates besides files, capabilities and networks: rules for the rest only make
/// sense, or only compile, where they are known.
struct ApparmorFeatures {
  bool mount = false;
  bool signal = false;
  bool ptrace = false;
  bool unix_sockets = false;
  bool dbus = false;
  bool message_queues = false;
  bool user_namespaces = false;
  bool io_uring = false;
};

/// The text of berth-default. `own_label` is what the daemon and its shims are confined by
/// ("unconfined" as a rule): they may signal containers.
std::string apparmor_default_text(const ApparmorFeatures& kernel, std::string_view own_label);

/// The part of it that every parser since AppArmor 2.10 understands.
std::string apparmor_basic_text(std::string_view own_label);

/// Whether the kernel confines with AppArmor and its securityfs is mounted.
bool apparmor_enabled();

/// Whether apparmor_parser is installed: only it can compile a profile.
bool has_apparmor_parser();

/// The state of this host, truthfully: what `berthctl info` shows.
struct Apparmor {
  bool enabled = false;
  std::string problem;  ///< why berth-default cannot be given although AppArmor is enabled; empty: it can

  std::string describe() const;  ///< "enabled, default profile berth-default"
};

/// Where AppArmor is enabled: compiles berth-default with apparmor_parser and loads it, replacing an
/// older one. Blocks for at most `patience` and the kernel's time. Never fails: see Apparmor::problem.
Apparmor load_apparmor_default(std::chrono::milliseconds patience);

/// Loads it again if somebody has removed it meanwhile: tools that tidy up remove what no file names.
Result<void> restore_apparmor_default(std::chrono::milliseconds patience);

/// kInvalidArgument, with a sentence, when AppArmor is not enabled or has no such profile loaded.
Result<void> check_apparmor_profile(const std::string& name);

/// Whether a list as securityfs prints it ("name (enforce)" per line) has this profile.
bool apparmor_list_has(std::string_view list, std::string_view name);

}  // namespace berth::runtime
