// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "daemon/state/records.hpp"
#include "tree.hpp"

namespace {

constexpr const char* kFile = "containers/x/record.json";

/// One file under the names of all five.
struct Disk {
  berth::testing::Tree tree{{kFile, ""}, {"pods/x/", ""}};
  berth::daemon::Layout layout{tree.root(), tree.root()};
  Disk() {
    for (const char* name :
         {"containers/x/status.json", "pods/x/record.json", "pods/x/status.json", "pods/x/attachment.json"}) {
      if (::link(tree.path(kFile).c_str(), tree.path(name).c_str()) != 0) __builtin_trap();
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Disk disk;
  disk.tree.write(kFile, std::string(reinterpret_cast<const char*>(data), size));
  (void)berth::daemon::load_pod_record(disk.layout, "x");
  (void)berth::daemon::load_pod_status(disk.layout, "x");
  (void)berth::daemon::load_attachment(disk.layout, "x");
  (void)berth::daemon::load_container_status(disk.layout, "x");
  auto record = berth::daemon::load_container_record(disk.layout, "x");
  if (!record) return 0;
  // What could be read is written and read again, under a name of its own.
  record->id = "y";
  if (!berth::daemon::store_container_record(disk.layout, *record)) __builtin_trap();
  if (!berth::daemon::load_container_record(disk.layout, "y")) __builtin_trap();
  return 0;
}
