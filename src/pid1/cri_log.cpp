// SPDX-License-Identifier: Apache-2.0
#include "pid1/cri_log.h"

#include <string.h>

namespace berth::pid1 {
namespace {

/// `width` digits of `value` ending before `end`.
void put_digits(char* end, unsigned width, uint64_t value) {
  for (; width > 0; --width) {
    *--end = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

struct Date {
  uint64_t year;
  unsigned month, day;
};

/// Days since 1970-01-01 to the Gregorian date. Years are counted from March, so that the leap day
/// is the last of its year; 146097 days are the 400 years after which the calendar repeats.
Date date_of(uint64_t days) {
  const uint64_t shifted = days + 719468;  // from 0000-03-01
  const uint64_t era = shifted / 146097;
  const uint64_t day_of_era = shifted % 146097;
  const uint64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t shifted_month = (5 * day_of_year + 2) / 153;  // March is 0
  const auto day = static_cast<unsigned>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const auto month = static_cast<unsigned>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, day};
}

char* put_record(char* out, const char* prefix, const char* text, size_t size) {
  memcpy(out, prefix, LogPrefix::kSize);
  memcpy(out + LogPrefix::kSize, text, size);
  out[LogPrefix::kSize + size] = '\n';
  return out + LogPrefix::kSize + size + 1;
}

}  // namespace

LogPrefix::LogPrefix(const timespec& now, LogStream stream) {
  static constexpr char kForm[kSize + 1] = "0000-00-00T00:00:00.000000000Z stdout F ";
  memcpy(bytes_, kForm, kSize);
  const auto seconds = static_cast<uint64_t>(now.tv_sec);
  const Date date = date_of(seconds / 86400);
  put_digits(bytes_ + 4, 4, date.year);
  put_digits(bytes_ + 7, 2, date.month);
  put_digits(bytes_ + 10, 2, date.day);
  put_digits(bytes_ + 13, 2, seconds / 3600 % 24);
  put_digits(bytes_ + 16, 2, seconds / 60 % 60);
  put_digits(bytes_ + 19, 2, seconds % 60);
  put_digits(bytes_ + 29, 9, static_cast<uint64_t>(now.tv_nsec));
  if (stream == LogStream::kStderr) memcpy(bytes_ + 31, "stderr", 6);
}

LogProgress format_lines(LogPrefix& prefix, const char* in, size_t size, char* out, size_t capacity) {
  const char* const full = prefix.bytes('F');
  const char* at = in;
  const char* const end = in + size;
  char* to = out;
  char* const limit = out + capacity;
  while (at != end) {
    const LogLine line = cut_line(at, static_cast<size_t>(end - at));
    if (line.consumed == 0 || static_cast<size_t>(limit - to) < LogPrefix::kSize + line.text + 1) break;
    to = put_record(to, line.is_partial ? prefix.bytes('P') : full, at, line.text);
    if (line.is_partial) prefix.bytes('F');
    at += line.consumed;
  }
  return {static_cast<size_t>(at - in), static_cast<size_t>(to - out)};
}

size_t format_tail(LogPrefix& prefix, const char* in, size_t size, char* out) {
  if (size == 0) return 0;
  return static_cast<size_t>(put_record(out, prefix.bytes('P'), in, size) - out);
}

}  // namespace berth::pid1
