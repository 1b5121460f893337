// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "runtime/cli/create_container.hpp"

namespace berth::runtime::cli {

/// What `run` and `restore` do: makes the container, sees it run, and with --detach returns;
/// otherwise waits for its end, and removes it unless there is --keep. The exit status.
Result<int> run_container(const Context& context, CreateRequest request);

}  // namespace berth::runtime::cli
