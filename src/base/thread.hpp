// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "base/result.hpp"

namespace berth {

/// Starts a named thread with every signal blocked: signals are for the one thread that asked for
/// them. Private to base; everybody else uses a Lane or the Reactor.
Result<std::thread> start_thread(const std::string& name, std::function<void()> body);

}  // namespace berth
