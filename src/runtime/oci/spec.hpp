// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "runtime/oci/resources.hpp"

/// The OCI runtime specification's config.json (runtime-spec 1.x, Linux) as plain values. Parsed by
/// spec_json, checked by spec_check, compiled into a launch plan by plan_compiler. No behaviour.
namespace berth::oci {

struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::optional<std::uint32_t> umask;
  std::vector<std::uint32_t> additional_gids;
};

struct Rlimit {
  std::string type;  ///< "RLIMIT_NOFILE"
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

/// Names are "CAP_..."; unknown ones are reported by the compiler, not fatal.
struct Capabilities {
  std::vector<std::string> bounding, effective, permitted, inheritable, ambient;
};

struct ConsoleSize {
  std::uint16_t height = 0;
  std::uint16_t width = 0;
};

struct Scheduler {
  std::string policy;  ///< "SCHED_OTHER", ...
  std::optional<std::int32_t> nice;
  std::optional<std::int32_t> priority;
  std::vector<std::string> flags;  ///< "SCHED_FLAG_RECLAIM", ...
  std::optional<std::uint64_t> runtime, deadline, period;
};

struct IoPriority {
  std::string io_class;  ///< "IOPRIO_CLASS_RT", ...
  std::int32_t priority = 0;
};

/// CPU lists for an exec: before and after its cgroup is joined; empty: every CPU.
struct CpuAffinity {
  std::string initial, final_;
};

struct Process {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;
  User user;
  std::vector<std::string> args;
  std::vector<std::string> env;  ///< "K=V", bytes
  std::string cwd = "/";
  bool create_cwd = true;  ///< engines create a missing working directory; exec does not
  std::optional<Capabilities>
      capabilities;  ///< absent: all sets empty, like runc's exec of a spec without it
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;
  std::string apparmor_profile;
  std::string selinux_label;
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  std::optional<CpuAffinity> exec_cpu_affinity;
};

/// `size` ids from `container_id` on are the host's from `host_id` on.
struct IdMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
};

struct Mount {
  std::string destination;  ///< absolute, inside the container
  std::string type;         ///< "bind", "proc", "tmpfs", ...
  std::string source;
  std::vector<std::string> options;
  std::vector<IdMapping> uid_mappings = {};  ///< of an id-mapped mount
  std::vector<IdMapping> gid_mappings = {};
  /// A detached mount that is taken instead of the source. Not of the specification, never written.
  std::shared_ptr<const UniqueFd> tree = nullptr;
};

enum class NamespaceType : std::uint8_t { kPid, kNetwork, kIpc, kUts, kMount, kUser, kCgroup, kTime };

struct Namespace {
  NamespaceType type;
  std::string path;  ///< empty: a new one
};

struct Device {
  std::string path;
  char type = 'c';  ///< 'c', 'u', 'b', 'p'
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint32_t> file_mode;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

struct SeccompArg {
  unsigned index = 0;
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;
  std::string op;  ///< "SCMP_CMP_EQ", ...
};

struct SeccompRule {
  std::vector<std::string> names;
  std::string action;
  std::optional<unsigned> errno_ret;
  std::vector<SeccompArg> args;
};

struct Seccomp {
  std::string default_action;
  std::optional<unsigned> default_errno_ret;
  std::vector<std::string> architectures;
  std::optional<std::vector<std::string>> flags;  ///< absent is not empty: see runtime-spec
  std::string listener_path;                      ///< socket of the agent that SCMP_ACT_NOTIFY asks
  std::string listener_metadata;
  std::vector<SeccompRule> syscalls;
};

/// Of a clock in a new time namespace against the host's.
struct TimeOffset {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
};

struct Personality {
  std::string domain;  ///< "LINUX" or "LINUX32"
  std::vector<std::string> flags;
};

struct MemoryPolicy {
  std::string mode;   ///< "MPOL_BIND", ...
  std::string nodes;  ///< "0-3,7"
  std::vector<std::string> flags;
};

struct IntelRdt {
  std::string clos_id;
  std::vector<std::string> schemata;
  std::string l3_cache_schema;
  std::string mem_bw_schema;
  bool enable_monitoring = false;
};

struct Linux {
  std::vector<Namespace> namespaces;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::map<std::string, TimeOffset> time_offsets;  ///< "monotonic", "boottime"
  std::map<std::string, std::string> net_devices;  ///< name here, name in the container (empty: the same)
  std::optional<Personality> personality;
  std::optional<MemoryPolicy> memory_policy;
  std::optional<IntelRdt> intel_rdt;
  std::vector<Device> devices;
  std::string cgroups_path;
  Resources resources;
  std::optional<Seccomp> seccomp;
  std::string rootfs_propagation;  ///< "", "slave", "shared", "private", ...
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string mount_label;  ///< SELinux label of the files in new mounts
  std::map<std::string, std::string> sysctl;
};

struct Root {
  std::string path;
  bool readonly = false;
};

/// A program that is run at a point of the container's life, with its state on stdin.
struct Hook {
  std::string path;
  std::vector<std::string> args;                ///< argv, its name included; empty: the path alone
  std::optional<std::vector<std::string>> env;  ///< absent: the runtime's
  std::optional<std::int64_t> timeout;          ///< seconds
};

struct Hooks {
  std::vector<Hook> prestart, create_runtime, create_container, start_container, poststart, poststop;
};

struct Spec {
  std::string oci_version = "1.2.0";
  Process process;
  Root root;
  std::string hostname;
  std::string domainname;
  std::vector<Mount> mounts;
  std::map<std::string, std::string> annotations;
  Linux linux_;
  Hooks hooks;
};

}  // namespace berth::oci
