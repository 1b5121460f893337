// SPDX-License-Identifier: Apache-2.0
#include "pid1/note.h"

#include <unistd.h>

#include "pid1/text.h"

namespace berth::pid1 {

void note(const char* what, int err) {
  Text<256> line;
  line.add("berth-pid1: ").add(what);
  if (err > 0) line.add(": errno ").number(static_cast<uint64_t>(err));
  line.add("\n");
  // Nowhere to report a failed report to.
  [[maybe_unused]] const ssize_t written = ::write(2, line.c_str(), line.size());
}

}  // namespace berth::pid1
