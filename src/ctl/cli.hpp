// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl/context.hpp"

namespace CLI {
class App;
}

namespace berth::ctl {

class Verb;

/// Gives `cli` every verb and option of berthctl. Parsing then sets context.action; nothing runs before.
void build_cli(CLI::App& cli, Context& context);

// One per verb, each in a file of its name.
void add_check(Verb cli);
void add_completion(Verb cli);
void add_config(Verb cli);
void add_container(Verb cli);
void add_exec(Verb cli);
void add_image(Verb cli);
void add_info(Verb cli);
void add_plan(Verb cli);
void add_pod(Verb cli);
void add_smoke(Verb cli);
void add_stats(Verb cli);
void add_status(Verb cli);
void add_version(Verb cli);

}  // namespace berth::ctl
