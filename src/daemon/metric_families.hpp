// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace berth::daemon {

/// The groups of pod metrics that metrics.pod_metrics selects.
inline constexpr std::array<std::string_view, 10> kMetricFamilies = {
    "cpu", "disk", "diskIO", "hugetlb", "memory", "network", "oom", "pressure", "process", "spec"};

inline bool is_family_selected(const std::vector<std::string>& selected, std::string_view family) {
  return std::any_of(selected.begin(), selected.end(),
                     [&](const std::string& word) { return word == "all" || word == family; });
}

}  // namespace berth::daemon
