// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace berth::pid1 {

/// One line to descriptor 2 by one write; `err` is an errno, 0 for none. For what nobody can be
/// told over the control connection; never for what a reply already says.
void note(const char* what, int err = 0);

}  // namespace berth::pid1
