// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "ctl/client.hpp"

namespace berth::ctl {

/// The full ID for what a person typed: the ID, the beginning of exactly one, or the name of exactly one.
/// kNotFound, or kInvalidArgument when several fit.
Result<std::string> resolve_pod(Client& client, const std::string& typed);
Result<std::string> resolve_container(Client& client, const std::string& typed);

}  // namespace berth::ctl
