// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "ctl/context.hpp"

namespace berth::ctl {

/// "crictl -r unix:///run/berth/berth.sock ARGUMENTS", quoted for a shell.
std::string crictl_line(const Context& context, const std::vector<std::string>& arguments);

/// Prints it to stderr when --show-crictl asks for it.
void show_crictl(const Context& context, const std::vector<std::string>& arguments);

}  // namespace berth::ctl
