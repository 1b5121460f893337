// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

namespace berth::bench {

/// The pid that listens on "unix:///path": what the kernel says about the other end.
int peer_pid(const std::string& socket);
std::set<int> all_pids();
/// Proportional set size in bytes; 0 when the process has gone.
double pss(int pid);
/// The arguments, separated by spaces.
std::string command_line(int pid);
/// The CPU clock file of the cgroup in which a process lives whose path has `word` in it; empty if none.
std::string cpu_file_of_group_with(const std::string& word);

}  // namespace berth::bench
