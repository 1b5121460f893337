// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// Imports, on `lane`, every archive and OCI layout of the configured directory, in the order of their
/// names. What cannot be imported is told in the log and does not keep the others back.
void preload_images(Services& with, Lane& lane);

}  // namespace berth::daemon
