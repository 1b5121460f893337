// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/cri.hpp"
#include "runtime/oci/resources.hpp"

namespace berth::daemon {

/// CRI limits as OCI limits. In the CRI 0 means "not given"; -1 unlimited. A memory limit without
/// a swap limit means no swap, as the other runtimes read it.
oci::Resources to_oci(const cri::LinuxContainerResources& resources);

/// What holds after `update` was applied over `current`: fields not given keep their value.
cri::LinuxContainerResources merge(const cri::LinuxContainerResources& current,
                                   const cri::LinuxContainerResources& update);

}  // namespace berth::daemon
