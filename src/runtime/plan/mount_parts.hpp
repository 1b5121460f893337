// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/mount_options.hpp"
#include "runtime/plan/parts.hpp"

/// What mounts.cpp and filesystems.cpp share.
namespace berth::runtime::plan_parts {

void add_attributes(const std::string& target, std::uint64_t set, std::uint64_t clear, bool recursive,
                    plan::Phase phase, Plan& plan);
void add_propagation(const std::string& target, std::uint64_t propagation, bool recursive, Plan& plan);
/// A mount of a new file system, or what stands for it where the container may not make one.
Result<void> add_new(const oci::Spec& spec, const CompileOptions& options, const oci::Mount& mount,
                     const std::string& target, const MountOptions& parsed, Plan& plan);

}  // namespace berth::runtime::plan_parts
