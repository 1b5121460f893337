// SPDX-License-Identifier: Apache-2.0
#include "pid1/exit_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pid1/fd.h"
#include "pid1/text.h"

namespace berth::pid1 {
namespace {

using FileName = Text<96>;

FileName record_name(const shim::ObjectId& id) {
  FileName name;
  name.add(id.hex, sizeof id.hex).add(".exit");
  return name;
}

uint64_t microseconds(const timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1000000 + static_cast<uint64_t>(time.tv_usec);
}

int write_whole(int fd, const shim::ExitRecord& record) {
  const ssize_t written = ::write(fd, &record, sizeof record);
  if (written < 0) return errno;
  return written == static_cast<ssize_t>(sizeof record) ? 0 : ENOSPC;
}

}  // namespace

void fill_exit_record(shim::ExitRecord& record, const siginfo_t& info, const rusage& usage) {
  record.magic = shim::kExitMagic;
  record.version = 1;
  const bool by_itself = info.si_code == CLD_EXITED;
  record.signal_number = by_itself ? 0 : info.si_status;
  record.exit_code = by_itself ? info.si_status & 0xff : 128 + info.si_status;
  record.core_dumped = info.si_code == CLD_DUMPED ? 1 : 0;
  record.user_us = microseconds(usage.ru_utime);
  record.system_us = microseconds(usage.ru_stime);
}

uint64_t parse_oom_kills(const char* text, size_t size) {
  static constexpr char kKey[] = "oom_kill ";
  const char* const end = text + size;
  for (const char* line = text; line != end;) {
    const auto* newline = static_cast<const char*>(memchr(line, '\n', static_cast<size_t>(end - line)));
    const char* line_end = newline == nullptr ? end : newline;
    uint64_t value = 0;
    if (line_end - line > static_cast<ptrdiff_t>(strlen(kKey)) && memcmp(line, kKey, strlen(kKey)) == 0 &&
        parse_number(line + strlen(kKey), line_end, value)) {
      return value;
    }
    line = newline == nullptr ? end : newline + 1;
  }
  return 0;
}

uint64_t read_oom_kills(int fd) {
  char text[512];
  const ssize_t size = fd < 0 ? -1 : ::pread(fd, text, sizeof text, 0);
  return size <= 0 ? 0 : parse_oom_kills(text, static_cast<size_t>(size));
}

int write_exit_record(int directory, const shim::ObjectId& id, const shim::ExitRecord& record) {
  const FileName name = record_name(id);
  FileName temporary;
  temporary.add(".").add(name.c_str());
  int err = 0;
  {
    const Fd file(
        ::openat(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) return errno;
    err = write_whole(file.get(), record);
  }
  if (err == 0 && ::renameat(directory, temporary.c_str(), directory, name.c_str()) != 0) err = errno;
  if (err != 0) ::unlinkat(directory, temporary.c_str(), 0);
  return err;
}

void remove_exit_record(int directory, const shim::ObjectId& id) {
  ::unlinkat(directory, record_name(id).c_str(), 0);
}

}  // namespace berth::pid1
