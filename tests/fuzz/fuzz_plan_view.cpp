// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "pid1/plan_view.h"

// Everything that the child reads of an accepted plan is read here, for a sanitizer to see.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto words = std::make_unique<std::uint64_t[]>(size / 8 + 1);
  auto* bytes = reinterpret_cast<unsigned char*>(words.get());
  if (size > 0) std::memcpy(bytes, data, size);
  berth::plan::Header header = {};
  if (size >= sizeof header) std::memcpy(&header, bytes, sizeof header);
  if (berth::pid1::check_plan(bytes, size, header.fd_count).err != 0) return 0;
  const berth::pid1::PlanView view(bytes);
  std::size_t length = 0;
  for (std::uint32_t i = 0; i < header.op_count; ++i) {
    for (const std::uint32_t offset : {view.op(i).text, view.op(i).target}) {
      if (offset != 0) length += std::strlen(view.text(offset));
    }
  }
  for (std::uint32_t i = 0; i < header.argc; ++i) {
    length += std::strlen(view.text(static_cast<std::uint32_t>(view.table(header.argv)[i])));
  }
  if (view.op(header.op_count - 1).kind != berth::plan::OpKind::kExec || length > size * header.total_size)
    __builtin_trap();
  return 0;
}
