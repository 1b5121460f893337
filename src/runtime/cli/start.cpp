// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "runtime/cli/start_container.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

Result<int> run_start(const Context& context) {
  ASSIGN_OR_RETURN(Container container, Container::open(context, context.arguments.words.front()));
  RETURN_IF_ERROR(container.lock());
  const Status status = container.status();
  if (status != Status::kCreated) {
    return Error(Code::kFailedPrecondition, cat("cannot start container ", container.id(), ": it is ",
                                                status_name(status), ", not created"));
  }
  RETURN_IF_ERROR(start_container(container));
  return 0;
}

}  // namespace

const Verb kStart = {"start", "CONTAINER", "Run the program of a created container", {}, 1, 1,
                     false,   run_start};

}  // namespace berth::runtime::cli
