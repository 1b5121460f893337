// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace berth::pid1 {

/// From now on the calling thread, and every thread that it makes, can only do what watching over containers
/// takes: no program can be executed, no process made or traced, nothing mounted, no namespace entered, no
/// right changed, no memory made executable. Everything else fails with EPERM. 0, or an errno.
int confine_loop();

}  // namespace berth::pid1
