// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "ctl/context.hpp"

namespace berth::ctl {

/// Says on stderr what went wrong and what to do next; the exit status to end with.
int report(const Error& error);

/// What to do next; empty when nothing sensible can be said.
std::string hint_for(const Error& error);

}  // namespace berth::ctl
