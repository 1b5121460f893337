// SPDX-License-Identifier: Apache-2.0
// Any bytes, compressed or not: read to the end twice, in one piece and in small ones, alike.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "image/decompress.hpp"
#include "image/tar_reader.hpp"

namespace {

std::string read_all(std::string_view data, std::size_t piece) {
  using namespace berth::image;
  MemorySource source(data, piece);
  auto plain = decompress(source);
  if (!plain) return plain.error().to_string();
  HashingSource bounded(**plain, 8U << 20U);
  TarReader tar(bounded);
  std::string out;
  while (true) {
    auto entry = tar.next();
    if (!entry) return out + entry.error().to_string();
    if (*entry == nullptr) return out;
    out += (*entry)->name + "\n" + (*entry)->link + "\n";
    for (auto data_now = tar.content(); data_now && !data_now->empty(); data_now = tar.content()) {
      out.append(reinterpret_cast<const char*>(data_now->data()), data_now->size());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view data(reinterpret_cast<const char*>(bytes), size);
  // A bomb may end in different errors, depending on where the limit strikes.
  const std::string whole = read_all(data, SIZE_MAX);
  if (whole != read_all(data, 1 + size % 7) && whole.find("expands to more") == std::string::npos)
    std::abort();
  return 0;
}
