// SPDX-License-Identifier: Apache-2.0
// An older kernel, as far as programs can tell: deny_syscalls NAME[,NAME]... PROGRAM [ARGUMENT]...
// runs the program with those system calls failing with ENOSYS, in all that it starts as well.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

const std::map<std::string, unsigned> kNumbers = {
    {"openat2", SYS_openat2},
    {"clone3", SYS_clone3},
    {"fsopen", SYS_fsopen},
    {"move_mount", SYS_move_mount},
    {"mount_setattr", SYS_mount_setattr},
    {"close_range", SYS_close_range},
    {"pidfd_open", SYS_pidfd_open},
    {"quotactl", SYS_quotactl},  // which nothing here needs
};

bool load(const std::vector<unsigned>& denied) {
  std::vector<sock_filter> filter = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const unsigned number : denied) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  // As root, and without no_new_privs, which containers would have then.
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  std::vector<unsigned> denied;
  std::istringstream names(argv[1]);
  for (std::string name; std::getline(names, name, ',');) denied.push_back(kNumbers.at(name));
  if (!load(denied)) {
    std::perror("deny_syscalls: seccomp");
    return 125;
  }
  ::execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 127;
}
