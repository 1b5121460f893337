// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/cli/passwd.hpp"
#include "runtime/cli/record.hpp"
#include "runtime/cli/signal_names.hpp"

/// What berth-oci reads of its own state, of an image's passwd, and of a signal's name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth::runtime::cli;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (home_in(text, 1000).front() != '/') std::abort();
  if (const auto number = parse_signal(text); number && (*number < 0 || *number > 64)) std::abort();
  const auto record = parse_record(text);
  if (!record) return 0;
  const auto again = parse_record(berth::to_text(to_json(*record)));
  if (!again || to_json(*again) != to_json(*record)) std::abort();
  return 0;
}
