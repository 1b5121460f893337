// SPDX-License-Identifier: Apache-2.0
#include "pid1/pause_loop.h"

#include <signal.h>
#include <stdint.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace berth::pid1 {
namespace {

/// The plain form, for other machines and for when the memory has to stay.
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

/// The kernel writes to the area that libc registered for restartable sequences whenever the
/// process moves to another CPU; it must not be unmapped before that has ended.
bool leave_rseq() {
  if (__rseq_size == 0) return true;
  constexpr int kUnregister = 1;
  char* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  return ::syscall(SYS_rseq, area, 32, kUnregister, RSEQ_SIG) == 0;
}

#endif

}  // namespace

void pause_loop() {
#if defined(__x86_64__)
  if (leave_rseq()) pause_page();
#endif
  reap_for_ever();
}

}  // namespace berth::pid1
