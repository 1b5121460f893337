// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl/verb.hpp"

namespace berth::ctl {

/// Verbs below `image`: import and export.
void add_image_archive(Verb& image);
/// Prune and verify.
void add_image_upkeep(Verb& image);

}  // namespace berth::ctl
