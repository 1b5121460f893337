// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/cgroup/dbus_message.hpp"

/// What a bus sends: cut into messages as the connection does it, and read as a job's end is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth::runtime::cgroup;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (;;) {
    const auto length = message_size(rest);
    if (!length || !*length || **length > rest.size()) return 0;
    if (const auto message = parse_message(rest.substr(0, **length))) {
      DbusReader in(message->body);
      (void)in.number32();
      while (!in.failed() && in.at() < message->body.size()) (void)in.string();
    }
    rest.remove_prefix(**length);
  }
}
