// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// For recovery: records that cannot be read go to <root>/quarantine for people to look at, and what
/// lives of their objects ends, since nobody could ever stop it through the CRI.

/// Takes the network attachment from disk, or notes that it must be rebuilt for its DEL.
void load_network(Services& with, PodSandbox& pod);

/// What a pod without a usable record may have on the host, as far as it can be guessed.
PodPtr stray_pod(const Services& with, PodRecord record);

/// In the background, until it succeeds: ends the pod's containers, runs its DEL, removes all else,
/// and then moves the record, which is what the next start would begin anew with.
void quarantine_pod(Services& with, const std::string& id, const Error& why);

/// Moves the record; the pod's shim is told by the caller. Call it when all pods are loaded.
void quarantine_container(Services& with, const std::string& id, const Error& why);

}  // namespace berth::daemon
