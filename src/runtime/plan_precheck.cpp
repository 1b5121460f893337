// SPDX-License-Identifier: Apache-2.0
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/namespaces_own.hpp"
#include "runtime/oci/rlimits.hpp"
#include "runtime/plan_open.hpp"

namespace berth::runtime {
namespace {

using plan::OpKind;

bool has_capability(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[capability / 32].effective >> (capability % 32) & 1U) != 0;
}

Result<void> check_rlimit(const PlannedOp& op) {
  rlimit own{};
  const auto resource = static_cast<__rlimit_resource>(op.mode);
  if (::prlimit(0, resource, nullptr, &own) != 0 || own.rlim_max >= op.value) return {};
  return Error(
      Code::kFailedPrecondition,
      cat("process.rlimits: ", oci::rlimit_name(static_cast<int>(op.mode)), " of ", op.value,
          " is above this host's ", own.rlim_max, ", and there is no right to raise it (CAP_SYS_RESOURCE)"));
}

void check_oom_score(PlannedOp& op, std::vector<std::string>& warnings) {
  constexpr std::size_t kMaxScore = 16;
  const auto text = read_file("/proc/self/oom_score_adj", kMaxScore);
  if (!text || !op.text) return;
  int own = 0;
  int wanted = 0;
  std::from_chars(text->data(), text->data() + text->size(), own);
  std::from_chars(op.text->data(), op.text->data() + op.text->size(), wanted);
  if (wanted >= own) return;
  warnings.push_back(cat("process.oomScoreAdj: ", wanted, " is below this process's own ", own,
                         ", which may be out of reach without CAP_SYS_RESOURCE"));
}

}  // namespace

Result<void> check_host_limits(Plan& plan) {
  const bool may_raise = has_capability(CAP_SYS_RESOURCE) && !is_in_user_namespace();
  for (PlannedOp& op : plan.ops) {
    if (op.kind == OpKind::kRlimit && !may_raise) RETURN_IF_ERROR(check_rlimit(op));
    if (op.kind == OpKind::kOomScoreAdj && !may_raise) check_oom_score(op, plan.warnings);
    // Whoever may not change groups himself may not let a namespace of his do it either.
    if (op.kind == OpKind::kIdMaps) op.mode = has_capability(CAP_SETGID) ? 0 : 1;
  }
  return {};
}

}  // namespace berth::runtime
