// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl/context.hpp"

namespace CLI {
class App;
}

namespace berth::ctl {

/// Gives `cli` every verb and option of berthctl. Parsing then sets context.action; nothing runs before.
void build_cli(CLI::App& cli, Context& context);

// One per verb, each in a file of its name.
void add_check(CLI::App& cli, Context& context);
void add_completion(CLI::App& cli, Context& context);
void add_config(CLI::App& cli, Context& context);
void add_container(CLI::App& cli, Context& context);
void add_exec(CLI::App& cli, Context& context);
void add_image(CLI::App& cli, Context& context);
void add_info(CLI::App& cli, Context& context);
void add_plan(CLI::App& cli, Context& context);
void add_pod(CLI::App& cli, Context& context);
void add_smoke(CLI::App& cli, Context& context);
void add_stats(CLI::App& cli, Context& context);
void add_status(CLI::App& cli, Context& context);
void add_version(CLI::App& cli, Context& context);

}  // namespace berth::ctl
