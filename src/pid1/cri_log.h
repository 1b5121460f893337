// SPDX-License-Identifier: Apache-2.0
#pragma once

// The CRI log format: "2026-01-02T03:04:05.123456789Z stdout F text\n". Pure; log_file.h writes it.

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

namespace berth::pid1 {

enum class LogStream : uint8_t { kStdout, kStderr };

/// Longest text in one record; a longer line becomes P records and, with its newline, an F record.
inline constexpr size_t kMaxLogText = 16u << 10;

/// What every record of one read starts with: time, stream, tag.
class LogPrefix {
 public:
  static constexpr size_t kSize = 40;

  LogPrefix(const timespec& now, LogStream stream);
  /// `tag` is 'F' (a line's end) or 'P' (to be continued).
  const char* bytes(char tag) {
    bytes_[kSize - 2] = tag;
    return bytes_;
  }

 private:
  char bytes_[kSize];
};

/// What one record holds: a line, or a part of one that is longer than kMaxLogText.
struct LogLine {
  size_t text;      // bytes of it
  size_t consumed;  // with the newline; 0: not a whole line yet, and not longer than kMaxLogText
  bool is_partial;
};
inline LogLine cut_line(const char* in, size_t size) {
  const size_t window = size < kMaxLogText + 1 ? size : kMaxLogText + 1;
  const auto* newline = static_cast<const char*>(memchr(in, '\n', window));
  if (newline != nullptr) {
    const auto text = static_cast<size_t>(newline - in);
    return {text, text + 1, false};
  }
  return window <= kMaxLogText ? LogLine{size, 0, true} : LogLine{kMaxLogText, kMaxLogText, true};
}

struct LogProgress {
  size_t consumed;  // of the input
  size_t produced;  // of the output
};

/// Largest record.
inline constexpr size_t kMaxLogRecord = LogPrefix::kSize + kMaxLogText + 1;

/// Turns as many lines of `in` as fit whole into records in `out`. Stops before a last line that
/// has no newline yet and is not longer than kMaxLogText: that one is kept for the next read.
/// `capacity` must be at least kMaxLogRecord, or there may be no progress.
LogProgress format_lines(LogPrefix& prefix, const char* in, size_t size, char* out, size_t capacity);

/// The kept rest as a P record, at the end of the stream; 0 bytes for an empty rest. `size` is at
/// most kMaxLogText and `out` has room for kMaxLogRecord.
size_t format_tail(LogPrefix& prefix, const char* in, size_t size, char* out);

}  // namespace berth::pid1
