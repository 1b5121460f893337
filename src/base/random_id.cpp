// SPDX-License-Identifier: Apache-2.0
// Apart from digest.cpp, so that a program that makes names needs no cryptographic library.

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/digest.hpp"

namespace berth {

std::string random_id() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, 32> bytes{};
  ssize_t got = 0;
  do {
    got = ::getrandom(bytes.data(), bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(bytes.size())) std::abort();
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) hex.append({kDigits[byte >> 4], kDigits[byte & 15]});
  return hex;
}

}  // namespace berth
