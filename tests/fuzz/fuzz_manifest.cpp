// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/image_config.hpp"
#include "image/manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)berth::image::parse_image_config(text);
  for (const char* type : {"", "application/vnd.oci.image.index.v1+json"}) {
    const auto document = berth::image::parse_manifest(text, type);
    if (!document) continue;
    if (document->manifest && document->manifest->layers.size() > berth::image::kMaxLayers) std::abort();
    if (!document->manifest)
      (void)berth::image::choose_manifest(document->index, berth::image::host_platform());
  }
  return 0;
}
