// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/manager.hpp"

#include <utility>

#include "runtime/cgroup/host_manager.hpp"

namespace berth::runtime::cgroup {

Result<std::unique_ptr<Manager>> Manager::open(const Options& options) {
  ASSIGN_OR_RETURN(Layout layout, detect_layout(options));
  return std::unique_ptr<Manager>(std::make_unique<HostManager>(std::move(layout)));
}

}  // namespace berth::runtime::cgroup
