// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// cAdvisor's metrics of pods and containers, as far as metrics.pod_metrics selects them; docs/metrics.md
/// lists them. Of ready pods, and of their containers that run; what ends meanwhile is left out.
Result<void> list_metric_descriptors(Services& with, const Call& call,
                                     const cri::ListMetricDescriptorsRequest& request,
                                     cri::ListMetricDescriptorsResponse& response);
Result<void> list_pod_sandbox_metrics(Services& with, const Call& call,
                                      const cri::ListPodSandboxMetricsRequest& request,
                                      cri::ListPodSandboxMetricsResponse& response);

}  // namespace berth::daemon
