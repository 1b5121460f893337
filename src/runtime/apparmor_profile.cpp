// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "runtime/apparmor.hpp"

namespace berth::runtime {
namespace {

// Denials win over what is allowed, so a container may do all that is not named here. What can be
// read in /proc and /sys is the business of masked paths; this is about what reaches the kernel
// behind them when a mask is lifted, undone or missed.
constexpr std::string_view kFiles = R"(
  file,
  network,
  capability,

  # The kernel's own files. Processes' directories begin with a digit; of /proc/sys only what
  # belongs to the container's namespaces is left: fs/mqueue, kernel/{msg*,sem*,shm*}, net.
  deny /proc/* w,
  deny /proc/{[a-r],[t-z]}*/** wklx,
  deny /proc/{scsi,sysvipc}/** wklx,
  deny /proc/sys/{[^fkn],fs/[^m],fs/m[^q],kernel/[^ms],kernel/m[^s],kernel/ms[^g],kernel/s[^eh],kernel/se[^m],kernel/sh[^m]}** wklx,
  deny /proc/{sysrq-trigger,kcore,kmem,mem} rwklx,

  # Of /sys only cgroups, which the kernel guards by ownership.
  deny /sys/{[^f],f[^s],fs/[^c],fs/c[^g]}** wklx,
  deny /sys/{firmware,kernel/security,devices/virtual/powercap}/** rwklx,
)";

constexpr std::string_view kMounts = R"(
  # What is mounted was mounted by the runtime. Volumes may be given up, masks may not.
  deny mount,
  deny remount,
  deny pivot_root,
  umount,
  deny umount /proc/{,**},
  deny umount /sys/{,**},
)";

std::string signals(std::string_view own_label) {
  return cat("\n  # Among the processes of containers, and from the runtime.\n  signal (send, receive) peer=",
             kApparmorDefault, ",\n  signal (receive) peer=", own_label, ",\n",
             own_label == "unconfined" ? "" : "  signal (receive) peer=unconfined,\n");
}

std::string traces() {
  return cat("  ptrace (trace, read, tracedby, readby) peer=", kApparmorDefault, ",\n");
}

std::string profile(std::string_view head, std::string_view rules) {
  return cat(head, "profile ", kApparmorDefault, " flags=(attach_disconnected, mediate_deleted) {", rules,
             "}\n");
}

}  // namespace

std::string apparmor_default_text(const ApparmorFeatures& kernel, std::string_view own_label) {
  std::string rules(kFiles);
  if (kernel.mount) rules.append(kMounts);
  if (kernel.signal) rules.append(signals(own_label));
  if (kernel.ptrace) rules.append(traces());
  // Mediated here, and guarded elsewhere: namespaces, seccomp, capabilities.
  if (kernel.unix_sockets) rules.append("  unix,\n");
  if (kernel.dbus) rules.append("  dbus,\n");
  if (kernel.message_queues) rules.append("  mqueue,\n");
  if (kernel.user_namespaces) rules.append("  userns,\n");
  if (kernel.io_uring) rules.append("  io_uring,\n");
  return profile("abi <kernel>,\n", rules);
}

std::string apparmor_basic_text(std::string_view own_label) {
  return profile("", cat(kFiles, kMounts, signals(own_label), traces(), "  unix,\n  dbus,\n"));
}

}  // namespace berth::runtime
