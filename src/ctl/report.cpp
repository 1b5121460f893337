// SPDX-License-Identifier: Apache-2.0
#include "ctl/report.hpp"

#include <cerrno>
#include <iostream>

namespace berth::ctl {

std::string hint_for(const Error& error) {
  if (error.sys_errno() == EACCES || error.sys_errno() == EPERM) return "run it as root";
  switch (error.code()) {
    case Code::kUnavailable:
      // Without an errno the daemon itself said so: of a registry, a network.
      if (error.sys_errno() == 0) return "try again; the daemon's log has more: journalctl -u berthd";
      return "is berthd running? systemctl status berthd, or ./dev shell for a private one; --socket names "
             "another";
    case Code::kNotFound:
      return "berthctl image list, pod list and container list --all show what there is";
    case Code::kUnimplemented:
      return "the daemon does not know this call: is it of another version? berthctl version";
    case Code::kDeadlineExceeded:
      return "the daemon did not answer in time; its log may tell why: journalctl -u berthd";
    case Code::kPermissionDenied:
      return "check the registry's credentials and the permissions of the socket";
    case Code::kInternal:
      return error.sys_errno() == 0 ? "the daemon's log has more: journalctl -u berthd" : "";
    default:
      return "";
  }
}

int report(const Error& error) {
  std::cout.flush();
  std::cerr << "berthctl: " << error.to_string() << "\n";
  if (const std::string hint = hint_for(error); !hint.empty()) std::cerr << "hint: " << hint << "\n";
  return 1;
}

}  // namespace berth::ctl
