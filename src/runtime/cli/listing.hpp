// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "runtime/cli/container.hpp"

namespace berth::runtime::cli {

/// What `state` and `list` tell of a container.
Json listed_state(Container& container);

/// "--format", for verbs that know a table and JSON. kInvalidArgument for another.
Result<bool> wants_json(const Arguments& line);

}  // namespace berth::runtime::cli
