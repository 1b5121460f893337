// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pid1/control.h"
#include "pid1/message.h"
#include "pid1/shim.h"

namespace berth::pid1 {

/// Keeps the pod's namespaces, joins the shim's own cgroups, and starts the pause process if the pod
/// shares one PID namespace; then the answer comes by pause_spoke().
void init_pod(Shim& shim, const Request& request, Packet& packet);

/// The pause process stands, or says why not.
void pause_spoke(Shim& shim);
/// It is gone, and every process of its PID namespace with it.
void pause_exited(Shim& shim);
/// Kills and reaps it.
void end_pause(Shim& shim);

}  // namespace berth::pid1
