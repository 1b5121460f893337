// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/container.hpp"
#include "runtime/cli/listing.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

Result<int> run_state(const Context& context) {
  ASSIGN_OR_RETURN(Container container, Container::open(context, context.arguments.words.front()));
  RETURN_IF_ERROR(print(listed_state(container).dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
  return 0;
}

}  // namespace

const Verb kState = {"state", "CONTAINER", "Print a container's state as JSON", {}, 1, 1, false, run_state};

}  // namespace berth::runtime::cli
