// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/oci/object_reader.hpp"
#include "runtime/oci/spec.hpp"

/// Parts of parse_spec that other parsers of the runtime share. Internal to src/runtime.
namespace berth::oci {

/// Scheduler, priorities, affinity.
void read_scheduling(ObjectReader& from, Process& out);
/// Id mappings, time offsets, net devices, personality, memory policy, cache allocation.
void read_linux_extras(ObjectReader& from, Linux& out);
void read_id_mappings(ObjectReader& from, std::string_view key, std::vector<IdMapping>& out);
/// The inverses.
void put_scheduling(const Process& process, Json& out);
void put_extras(const Linux& linux_, Json& out);
Json id_mappings_json(const std::vector<IdMapping>& mappings);

void read_process(ObjectReader& from, Process& out);
void read_linux(ObjectReader& from, Linux& out);
void read_resources(ObjectReader& from, Resources& out);
/// The runtime-spec's form; Docker's extensions are seccomp_json's.
void read_seccomp(ObjectReader& from, Seccomp& out);
void read_seccomp_rule(ObjectReader& from, SeccompRule& out);

}  // namespace berth::oci
