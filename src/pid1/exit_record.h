// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "pid1/shim_protocol.h"

namespace berth::pid1 {

/// Exit code, signal, core and CPU time from what waitid said. A signal's exit code is 128 + signal.
void fill_exit_record(shim::ExitRecord& record, const siginfo_t& info, const rusage& usage);

/// The number in the line "oom_kill N" of a v1 memory.oom_control or v2 memory.events; 0 without.
uint64_t parse_oom_kills(const char* text, size_t size);
/// Likewise from an open file; 0 when it cannot be read or `fd` is -1.
uint64_t read_oom_kills(int fd);

/// `<id>.exit` in `directory`, replaced atomically. 0, or an errno.
int write_exit_record(int directory, const shim::ObjectId& id, const shim::ExitRecord& record);
void remove_exit_record(int directory, const shim::ObjectId& id);

}  // namespace berth::pid1
