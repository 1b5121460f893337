// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/oci/spec_check.hpp"
#include "runtime/oci/spec_json.hpp"
#include "runtime/plan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto spec = berth::oci::parse_spec({reinterpret_cast<const char*>(data), size});
  if (!spec) return 0;
  const berth::Json written = berth::oci::to_json(*spec);
  const auto again = berth::oci::parse_spec(berth::to_text(written));
  if (!again || berth::oci::to_json(*again) != written) __builtin_trap();
  berth::runtime::CompileOptions options;
  options.attach_dir = "/attach";
  const auto plan = berth::runtime::compile_container(*spec, options);
  if (plan && !berth::oci::check_spec(*spec)) __builtin_trap();
  if (plan) (void)berth::runtime::dump(**plan);
  return 0;
}
