// SPDX-License-Identifier: Apache-2.0
#include "base/process_id.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth {
namespace {

Error gone(pid_t pid) {
  return {Code::kNotFound, cat("there is no process ", pid)};
}

// The command in field 2 may contain blanks and parentheses, so fields count from its last ")".
Result<std::uint64_t> parse_start_time(std::string_view stat, pid_t pid) {
  constexpr int kBlanksBefore = 20;  // field 22 starts after the 20th blank behind field 2
  std::size_t at = stat.rfind(')');
  for (int i = 0; i < kBlanksBefore && at != std::string_view::npos; ++i) at = stat.find(' ', at + 1);
  std::uint64_t start_time = 0;
  if (at != std::string_view::npos) {
    const char* end = stat.data() + stat.size();
    const auto parsed = std::from_chars(stat.data() + at + 1, end, start_time);
    if (parsed.ec == std::errc()) return start_time;
  }
  return Error(Code::kInternal, cat("/proc/", pid, "/stat has no start time"));
}

}  // namespace

Result<ProcessId> identify_process(pid_t pid) {
  if (pid <= 0) return gone(pid);
  Result<std::string> stat = read_file(cat("/proc/", pid, "/stat"), 65536);
  if (!stat) {
    const int err = stat.error().sys_errno();
    if (err == ENOENT || err == ESRCH) return gone(pid);
    return std::move(stat).error();
  }
  ASSIGN_OR_RETURN(const std::uint64_t start_time, parse_start_time(*stat, pid));
  return ProcessId{pid, start_time};
}

Result<UniqueFd> open_process(const ProcessId& id) {
  if (id.pid <= 0) return gone(id.pid);
  // First the descriptor, then the check: a process that still has the recorded start time now
  // had this pid all along, so the descriptor is of no other.
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, id.pid, 0)));  // CLOEXEC by definition
  if (!fd && (errno == ESRCH || errno == EINVAL || errno == ENOENT)) return gone(id.pid);
  if (!fd) return Error::from_errno(errno, "open a descriptor of process", std::to_string(id.pid));
  ASSIGN_OR_RETURN(const ProcessId now, identify_process(id.pid));
  if (now != id)
    return Error(Code::kNotFound, cat("process ", id.pid, " has ended and its number was reused"));
  return fd;
}

Result<void> signal_process(int pidfd, int signal_number) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal_number, nullptr, 0) == 0 || errno == ESRCH) return {};
  return Error::from_errno(errno, "send a process signal", std::to_string(signal_number));
}

Result<std::string> boot_id() {
  ASSIGN_OR_RETURN(std::string text, read_file("/proc/sys/kernel/random/boot_id", 128));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace berth
