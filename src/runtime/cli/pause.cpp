// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

Result<int> run_pause(const Context& context) {
  ASSIGN_OR_RETURN(Container container, Container::open(context, context.arguments.words.front()));
  RETURN_IF_ERROR(container.lock());
  const Status status = container.status();
  if (status != Status::kRunning && status != Status::kCreated) {
    return Error(Code::kFailedPrecondition, cat("cannot pause container ", container.id(), ": it is ",
                                                status_name(status), ", not running"));
  }
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
  RETURN_IF_ERROR(cgroups->freeze(container.record().cgroup));
  return 0;
}

}  // namespace

const Verb kPause = {"pause", "CONTAINER", "Freeze all processes of a container", {}, 1, 1, false, run_pause};

}  // namespace berth::runtime::cli
