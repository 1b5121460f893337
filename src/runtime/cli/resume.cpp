// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

Result<int> run_resume(const Context& context) {
  ASSIGN_OR_RETURN(Container container, Container::open(context, context.arguments.words.front()));
  RETURN_IF_ERROR(container.lock());
  const Status status = container.status();
  if (status != Status::kPaused) {
    return Error(Code::kFailedPrecondition, cat("cannot resume container ", container.id(), ": it is ",
                                                status_name(status), ", not paused"));
  }
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
  RETURN_IF_ERROR(cgroups->thaw(container.record().cgroup));
  return 0;
}

}  // namespace

const Verb kResume = {"resume", "CONTAINER", "Let a paused container go on", {}, 1, 1, false, run_resume};

}  // namespace berth::runtime::cli
