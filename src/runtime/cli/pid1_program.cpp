// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/pid1_program.hpp"

#include <span>

#include "runtime/shim_binary.hpp"

// From `ld -r -b binary`; see meson.build.
extern const char _binary_src_runtime_cli_pid1_image_start[];
extern const char _binary_src_runtime_cli_pid1_image_end[];

namespace berth::runtime::cli {

std::string_view pid1_image() {
  const char* const begin = _binary_src_runtime_cli_pid1_image_start;
  return {begin, static_cast<std::size_t>(_binary_src_runtime_cli_pid1_image_end - begin)};
}

Result<UniqueFd> pid1_program() {
  return seal_program(pid1_image());
}

}  // namespace berth::runtime::cli
