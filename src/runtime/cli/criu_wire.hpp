// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

/// What is said to `criu swrk` and what it says back: protocol buffers, one message per packet. Field
/// numbers are those of CRIU's RPC; of its messages only what is used here. No behaviour.
namespace berth::runtime::cli {

enum class CriuAction : std::uint8_t { kDumpTree = 1, kRestoreTree = 2, kPreDumpTree = 4, kNotify = 6 };

/// What CRIU does with cgroups: its numbers.
enum class CriuCgroups : std::uint8_t { kIgnore = 0, kSoft = 3, kFull = 4, kStrict = 5 };

struct CriuOptions {
  int images_fd = -1;       ///< ours, which CRIU finds in /proc
  int work_fd = -1;         ///< likewise
  pid_t pid = 0;            ///< of the tree to dump
  std::string log_file;     ///< in the work directory
  std::string root;         ///< restore: mount point that becomes the root
  std::string parent_path;  ///< of the images of a pre-dump, relative to the images
  std::string freeze_cgroup;
  CriuCgroups cgroups = CriuCgroups::kSoft;
  std::uint32_t empty_namespaces = 0;  ///< clone flags
  bool leave_running = false;
  bool tcp_established = false;
  bool tcp_skip_in_flight = false;
  bool tcp_close = false;
  bool ext_unix_sockets = false;
  bool shell_job = false;
  bool file_locks = false;
  bool auto_dedup = false;
  bool track_memory = false;
  bool orphan_terminal = false;
  bool as_sibling = false;                             ///< restore: CRIU's parent becomes the tree's
  std::vector<std::string> external;                   ///< "mnt[/data]:/srv/data"
  std::vector<std::pair<std::string, int>> inherited;  ///< what a descriptor of CRIU's stands for
  std::vector<std::pair<std::string, std::string>> cgroup_roots;  ///< {controllers, path}
};

std::string encode_criu_request(CriuAction action, const CriuOptions& options);
/// That what CRIU told of is done; it goes on if `success`.
std::string encode_criu_notified(bool success);

struct CriuReply {
  CriuAction action = CriuAction::kNotify;
  bool success = false;
  int error_number = 0;       ///< an errno; 0: not known
  std::string error_message;  ///< often empty
  std::string script;         ///< of kNotify: what happens now
  pid_t pid = 0;              ///< of kNotify and kRestoreTree: the root of the tree
};
/// kInternal for what is no such message.
Result<CriuReply> parse_criu_reply(std::string_view packet);

}  // namespace berth::runtime::cli
