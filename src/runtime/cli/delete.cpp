// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kDeleteOptions[] = {
    {"force", 'f', "", "Kill it first, if need be; one that does not exist is fine"}};

/// What is left of a `create` that was killed before it had written anything.
Result<int> remove_remains(const Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(StateDir dir, StateDir::open(context.globals.root, id));
  RETURN_IF_ERROR(dir.lock());
  RETURN_IF_ERROR(dir.remove());
  return 0;
}

Result<int> run_delete(const Context& context) {
  const std::string& id = context.arguments.words.front();
  const bool force = context.arguments.has("force");
  RETURN_IF_ERROR(check_container_id(id));
  auto container = Container::open(context, id);
  if (!container) {
    if (!force) return std::move(container).error();
    if (container.error().code() == Code::kNotFound) return 0;
    return remove_remains(context, id);
  }
  RETURN_IF_ERROR(container->lock());
  const Status status = container->status();
  const bool ends = status == Status::kStopped || status == Status::kCreated;
  if (!ends && !force) {
    return Error(Code::kFailedPrecondition,
                 cat("cannot delete container ", id, " that is not stopped: it is ", status_name(status)));
  }
  RETURN_IF_ERROR(container->destroy());
  return 0;
}

}  // namespace

const Verb kDelete = {"delete", "CONTAINER", "Remove a container that has ended", kDeleteOptions, 1, 1,
                      false,    run_delete};

}  // namespace berth::runtime::cli
