// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pid1/cri_log.h"

using namespace berth::pid1;

// The text must come out again, whatever it is and however little room the records have.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  LogPrefix prefix({1767323045, 123456789}, LogStream::kStderr);
  std::vector<char> out(kMaxLogRecord + size % 1000);
  std::string log;
  std::size_t at = 0;
  for (;;) {
    const LogProgress progress = format_lines(prefix, text.data() + at, size - at, out.data(), out.size());
    if (progress.consumed == 0) break;
    log.append(out.data(), progress.produced);
    at += progress.consumed;
  }
  if (size - at > kMaxLogText) __builtin_trap();
  log.append(out.data(), format_tail(prefix, text.data() + at, size - at, out.data()));
  std::string again;
  for (std::size_t from = 0; from < log.size();) {
    const std::size_t end = log.find('\n', from);
    if (end == std::string::npos || end - from < LogPrefix::kSize) __builtin_trap();
    again.append(log, from + LogPrefix::kSize, end - from - LogPrefix::kSize);
    if (log[from + LogPrefix::kSize - 2] == 'F') again += '\n';
    from = end + 1;
  }
  if (again != text) __builtin_trap();
  return 0;
}
