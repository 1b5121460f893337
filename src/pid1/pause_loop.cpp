// SPDX-License-Identifier: Apache-2.0
#include "pid1/pause_loop.h"

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace berth::pid1 {
namespace {

#if defined(__x86_64__)

// One page of its own: [pause_page, pause_page + 4096). The signal set is in it, so that the loop
// needs no other memory; and no stack, for system calls use none.
asm(R"(
  .pushsection .text.pause_page, "ax", @progbits
  .balign 4096
pause_page:
  xorl %edi, %edi
  leaq pause_page(%rip), %rsi
  movl $11, %eax             # munmap(0, everything below)
  syscall
  leaq pause_page+4096(%rip), %rdi
  movabsq $0x7ffffffff000, %rsi
  subq %rdi, %rsi
  movl $11, %eax             # munmap(everything above)
  syscall
1:
  leaq 3f(%rip), %rdi
  xorl %esi, %esi
  xorl %edx, %edx
  movl $8, %r10d
  movl $128, %eax            # rt_sigtimedwait(SIGCHLD)
  syscall
2:
  movl $-1, %edi
  xorl %esi, %esi
  movl $1, %edx              # WNOHANG
  xorl %r10d, %r10d
  movl $61, %eax             # wait4
  syscall
  testq %rax, %rax
  jg 2b
  jmp 1b
  .balign 8
3:
  .quad 0x10000              # SIGCHLD is 17
  .balign 4096
  .popsection
)");
extern "C" [[noreturn]] void pause_page();

#else

/// The plain form, for other machines.
[[noreturn]] void reap_for_ever() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  for (;;) {
    ::syscall(SYS_rt_sigtimedwait, &child, nullptr, nullptr, NSIG / 8);
    while (::syscall(SYS_wait4, -1, nullptr, WNOHANG, nullptr) > 0) {
    }
  }
}

#endif

}  // namespace

void pause_loop() {
#if defined(__x86_64__)
  pause_page();
#else
  reap_for_ever();
#endif
}

}  // namespace berth::pid1
