// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/exit_board.hpp"

#include <cstdint>

namespace berth::daemon {

void ExecBoard::deliver(const std::string& id, const shim::ExitRecord& exit) {
  std::shared_ptr<Entry> entry;
  {
    auto entries = entries_.lock();
    auto found = entries->find(id);
    if (found == entries->end()) return;  // its caller has given up
    entry = found->second;
  }
  *entry->exit.lock() = exit;
  const std::uint64_t one = 1;
  // An eventfd's counter cannot be full here: one delivery per exec.
  [[maybe_unused]] const auto written = ::write(entry->ended.get(), &one, sizeof one);
}

}  // namespace berth::daemon
