// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "runtime/cli/criu.hpp"
#include "runtime/oci/spec.hpp"

/// What a container has that is not its own, and that its images name rather than contain: bound
/// directories and devices, joined namespaces, and the streams that it was started with.
namespace berth::runtime::cli {

/// Before a dump of the container whose process this is: names it all in job.options, and in a file
/// beside the images. kUnimplemented for a joined namespace that CRIU cannot leave out.
Result<void> name_outside(pid_t pid, const oci::Spec& spec, CriuJob& job);

/// Before a restore: what this bundle has for those names. `spec` with its mounts completed.
Result<void> provide_outside(const oci::Spec& spec, CriuJob& job);

}  // namespace berth::runtime::cli
