// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace berth::daemon::streaming {

/// Integers as they stand on a wire. The caller has made sure that the bytes are there.
template <int kBytes>
std::uint64_t get_big_endian(const char* at) {
  std::uint64_t value = 0;
  for (int i = 0; i < kBytes; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}
inline std::uint32_t get32(const char* at) {
  return static_cast<std::uint32_t>(get_big_endian<4>(at));
}

template <int kBytes>
void put_big_endian(std::string& out, std::uint64_t value) {
  for (int shift = (kBytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}
inline void put32(std::string& out, std::size_t value) {
  put_big_endian<4>(out, value);
}

}  // namespace berth::daemon::streaming
