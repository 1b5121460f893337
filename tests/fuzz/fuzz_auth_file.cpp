// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "image/registry/auth_file.hpp"
#include "image/registry/credential_helper.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)berth::image::parse_helper_answer(text);
  const auto file = berth::image::parse_auth_file(text, "input");
  if (!file) return 0;
  berth::image::Endpoint endpoint;
  endpoint.host = "a.io";
  endpoint.path = "b/c";
  (void)file->find(endpoint);
  (void)file->find_named_helper(endpoint);
  (void)file->find_store(endpoint);
  return 0;
}
