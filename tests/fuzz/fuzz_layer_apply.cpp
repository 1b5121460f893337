// SPDX-License-Identifier: Apache-2.0
// A hostile tar over a hostile layer below, both cut from the input; nothing may appear outside of
// the two directories, and what was outside stays as it was.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/dir.hpp"
#include "base/remove_tree.hpp"
#include "image/layer_apply.hpp"

namespace {

using namespace berth;
using namespace berth::image;

/// One directory for the whole run, in memory.
const std::string& playground() {
  // Never destroyed: the exit handler below still needs it.
  static const std::string* const path = [] {
    auto* pattern = new std::string("/dev/shm/fuzz-layer-XXXXXX");
    if (::mkdtemp(pattern->data()) == nullptr || !make_dirs(*pattern + "/outside", 0755)) std::abort();
    std::atexit([] { (void)remove_tree(playground()); });
    return pattern;
  }();
  return *path;
}

/// Makes every block that looks like a header pass for one, so that the fuzzer gets past the gate.
std::string with_checksums(std::string data) {
  for (std::size_t at = 0; at + 512 <= data.size(); at += 512) {
    if (data.compare(at + 257, 5, "ustar") != 0) continue;
    data.replace(at + 148, 8, 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(data[at + i]);
    for (std::size_t digit = 0; digit < 6; ++digit)
      data[at + 148 + digit] = static_cast<char>('0' + ((sum >> (15 - 3 * digit)) & 7));
    data[at + 154] = '\0';
  }
  return data;
}

void apply(std::string_view tar_bytes, const char* name, int below) {
  const std::string path = playground() + "/" + name;
  if (!make_dirs(path, 0755)) std::abort();
  const auto root = open_at(kCwd, path, O_PATH | O_DIRECTORY);
  if (!root) std::abort();
  LayerTarget target;
  target.root = root->get();
  if (below >= 0) target.lowers = {below};
  target.max_bytes = 1U << 20U;
  target.max_entries = 200;
  MemorySource source(tar_bytes);
  TarReader tar(source);
  (void)apply_layer(tar, target);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 512) return 0;
  const std::string data = with_checksums({reinterpret_cast<const char*>(bytes), size});
  const std::size_t cut = size / 1024 * 512;
  apply(std::string_view(data).substr(0, cut), "lower", -1);
  {
    const auto lower = open_at(kCwd, playground() + "/lower", O_PATH | O_DIRECTORY);
    if (!lower) std::abort();
    apply(data, "layer", lower->get());
  }
  if (list_dir(playground())->size() != 3 || !list_dir(playground() + "/outside")->empty()) std::abort();
  if (!remove_tree(playground() + "/layer") || !remove_tree(playground() + "/lower")) std::abort();
  return 0;
}
