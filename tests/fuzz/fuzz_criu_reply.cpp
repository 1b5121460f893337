// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/cli/criu_wire.hpp"

/// What the other end of `criu swrk` says.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto reply = berth::runtime::cli::parse_criu_reply({reinterpret_cast<const char*>(data), size});
  if (reply && reply->script.size() + reply->error_message.size() > size) std::abort();
  return 0;
}
