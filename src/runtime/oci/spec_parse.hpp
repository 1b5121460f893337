// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/oci/object_reader.hpp"
#include "runtime/oci/spec.hpp"

/// Parts of parse_spec that other parsers of the runtime share. Internal to src/runtime.
namespace berth::oci {

void read_process(ObjectReader& from, Process& out);
void read_linux(ObjectReader& from, Linux& out);
void read_resources(ObjectReader& from, Resources& out);
/// The runtime-spec's form; Docker's extensions are seccomp_json's.
void read_seccomp(ObjectReader& from, Seccomp& out);
void read_seccomp_rule(ObjectReader& from, SeccompRule& out);

}  // namespace berth::oci
