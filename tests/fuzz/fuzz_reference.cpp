// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/reference.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto reference = berth::image::parse_reference({reinterpret_cast<const char*>(data), size});
  if (!reference) return 0;
  // A normal form is its own normal form, and nothing in it can end a line or a path.
  const std::string text = reference->text();
  const auto again = berth::image::parse_reference(text);
  if (!again || again->text() != text) std::abort();
  if (text.find("..") != std::string::npos && reference->path.find("..") != std::string::npos) std::abort();
  if (text.find_first_of(std::string("\r\n\0 ?#%", 7)) != std::string::npos) std::abort();
  return 0;
}
