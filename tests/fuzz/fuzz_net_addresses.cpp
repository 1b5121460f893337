// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/net_addresses.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint64_t> words;
  (void)berth::runtime::read_addresses(std::as_bytes(std::span(data, size)), 7, words);
  if (words.size() % 4 != 0 || words.size() > size) __builtin_trap();
  return 0;
}
