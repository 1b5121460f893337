// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace berth::pid1 {

/// Text built in place, in a buffer of fixed size. What does not fit is cut off, and `fits` says so.
template <size_t kSize>
class Text {
 public:
  Text& add(const char* text) {
    while (*text != '\0') add_char(*text++);
    return *this;
  }
  Text& add(const char* text, size_t length) {
    for (size_t i = 0; i < length; ++i) add_char(text[i]);
    return *this;
  }
  Text& number(uint64_t value, unsigned base = 10) {
    char digits[24];
    size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + value % base);
      value /= base;
    } while (value != 0);
    while (count > 0) add_char(digits[--count]);
    return *this;
  }
  const char* c_str() const { return bytes_; }
  size_t size() const { return size_; }
  bool fits() const { return fits_; }

 private:
  void add_char(char c) {
    if (size_ + 1 < kSize) {
      bytes_[size_++] = c;
      bytes_[size_] = '\0';
    } else {
      fits_ = false;
    }
  }

  char bytes_[kSize] = {};
  size_t size_ = 0;
  bool fits_ = true;
};

/// Decimal digits at `text`, stopping at the first other character; false when there is none or the
/// number does not fit.
inline bool parse_number(const char* text, const char* end, uint64_t& value) {
  value = 0;
  const char* at = text;
  for (; at != end && *at >= '0' && *at <= '9'; ++at) {
    const uint64_t digit = static_cast<uint64_t>(*at - '0');
    if (value > (UINT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  return at != text;
}

}  // namespace berth::pid1
