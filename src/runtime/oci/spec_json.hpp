// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::oci {

/// Reads a runtime-spec config.json (untrusted, at most 8 MiB). kInvalidArgument names the field
/// and the value. Unknown members are ignored, as the specification demands; known ones that would
/// change the container and are not implemented (id mappings, ...) are refused. Only types
/// and ranges are checked here; meaning is spec_check's.
Result<Spec> parse_spec(std::string_view text);
/// The same for one process, the argument of an exec.
Result<Process> parse_process(std::string_view text);
/// The same for limits alone, the argument of an update (at most 1 MiB).
Result<Resources> parse_resources(std::string_view text);

/// The inverse, for `crictl inspect`, records and `berth-oci spec`. Absent stays absent.
Json to_json(const Spec& spec);
Json to_json(const Process& process);
Json to_json(const Resources& resources);
/// Equal profiles give equal text: it is also what compiled filters are cached by.
Json to_json(const Seccomp& seccomp);

/// "network" and so on, the specification's spelling.
std::string_view namespace_type_name(NamespaceType type);

}  // namespace berth::oci
