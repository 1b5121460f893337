// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "daemon/cri.hpp"

namespace berth::daemon {

/// A signal by any of its names: "SIGTERM", "term", "15", "SIGRTMIN+3", "RTMAX-1".
Result<int> parse_signal(std::string_view text);

/// The signal that asks a container to end: the CRI's wish, else the image's, else SIGTERM. An image
/// with a word that is no signal gets SIGTERM, as it would elsewhere.
int effective_stop_signal(const cri::ContainerConfig& config, const std::string& image_stop_signal);

/// For ContainerStatus.stop_signal; SIGNAL_RUNTIME_DEFAULT when the CRI has no name for it.
cri::Signal to_cri_signal(int signal_number);

}  // namespace berth::daemon
