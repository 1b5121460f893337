// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/process_id.hpp"
#include "base/result.hpp"
#include "runtime/cli/state_dir.hpp"

namespace berth::runtime::cli {

enum class Status : std::uint8_t { kCreating, kCreated, kRunning, kPaused, kStopped };
std::string_view status_name(Status status);

/// state.json: what cannot be looked up. The status is never stored, it is asked for.
struct Record {
  std::string id;
  std::string bundle;   ///< absolute
  std::string rootfs;   ///< absolute
  std::string created;  ///< RFC 3339
  std::string owner;
  std::string cgroup;           ///< of cgroup::Manager
  bool systemd_cgroup = false;  ///< which systemd made
  bool made_resctrl_group = false;
  std::map<std::string, std::string> annotations;
  ProcessId process;  ///< pid 0: none yet
  /// What the steps of the launch plan behind the gate mean, for whoever starts the container.
  std::uint32_t first_label = 0;
  std::vector<std::string> labels;
};

Json to_json(const Record& record);
/// kInternal for what no berth-oci has written.
Result<Record> parse_record(std::string_view text);

Result<Record> load_record(const StateDir& dir);
Result<void> save_record(const StateDir& dir, const Record& record);

/// kCreating without a process, kStopped when it has ended, kCreated while the gate is there;
/// otherwise kRunning: whether it is frozen is the cgroup's to say.
Status status_of(const StateDir& dir, const Record& record);
/// Whether it has not ended; a zombie has.
bool is_alive(const ProcessId& process);

/// The runtime-spec's state: what hooks get.
Json state_json(const Record& record, Status status, pid_t pid);

}  // namespace berth::runtime::cli
