// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "daemon/config.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// The containers-policy.json(5) that counts for images of one Kubernetes namespace: its own in
/// image.policy_dir, else image.policy, else none (""). kInvalidArgument: not the name of a namespace.
Result<std::string> policy_of(const Config& config, const std::string& name_space);

/// What is wrong with the files about trust, for the daemon's start. Files of single namespaces are only
/// warned about: until they are mended, nothing is pulled or run there.
Result<void> check_policies(const Config& config);

/// Whether a pod may have an image, as the container or a volume of one: again after the pull, because the
/// policy may be another one since, or one for the pod's namespace alone. kUnknown: it may not.
Result<void> check_trust(const Services& with, const PodRecord& pod, const image::Image& image,
                         const cri::ImageSpec& asked);

/// A refusal by a policy (kUnknown) with the word in front that the kubelet makes a waiting container's
/// reason of; other errors as they are. To be asked last: the word must come first.
Error name_refusal(Error error);

}  // namespace berth::daemon
