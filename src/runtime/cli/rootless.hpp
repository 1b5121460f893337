// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/oci/spec.hpp"
#include "runtime/plan_model.hpp"

/// Containers of somebody who is not root of the machine: root of a user namespace that an engine has made,
/// or a plain user whose container has one of its own that maps nobody but him.
namespace berth::runtime::cli {

/// A plain user takes the container's user namespace himself, before anything else: then he is in it what
/// an engine would be, and the container needs no further one. kPermissionDenied when his rights do not go
/// as far as `spec` does. Does nothing for root.
Result<void> enter_own_namespace(oci::Spec& spec);
/// The same for what is done in a container that runs: `pidfd` is its process.
Result<void> enter_namespace_of(Container& container, int pidfd);

/// Leaves out the step that no process in this user namespace may take: nobody's groups can be changed where
/// setgroups is denied. kFailedPrecondition when `user` asks for some.
Result<void> keep_to_rights(const Globals& globals, const oci::User& user, Plan& plan);

/// Whether a container may stay in our own cgroup, because `why` is that none can be made: only where nothing
/// needs one, neither limits nor the end of its processes. Else the error to tell.
Result<void> go_without_cgroup(const oci::Spec& spec, const Error& why);

}  // namespace berth::runtime::cli
