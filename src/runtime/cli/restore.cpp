// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/create_container.hpp"
#include "runtime/cli/criu.hpp"
#include "runtime/cli/run_container.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr auto kRestoreOptions = with_criu_options({
    Option{"bundle", 'b', "DIR", "Directory of config.json [.]"},
    Option{"detach", 'd', "", "Return when it goes on"},
    Option{"keep", '\0', "", "Do not delete the container when its program has ended"},
    Option{"console-socket", '\0', "PATH", "Where the terminal's master is sent"},
    Option{"pid-file", '\0', "FILE", "Gets the number of the container's process"},
    Option{"no-subreaper", '\0', "", "Accepted; this process never is one"},
    Option{"no-pivot", '\0', "", "Not supported"},
});

Result<int> run_restore(const Context& context) {
  ASSIGN_OR_RETURN(CriuJob job, read_criu_job(CriuAction::kRestoreTree, context));
  ASSIGN_OR_RETURN(CreateRequest request, read_create_request(context));
  request.images = &job;
  return run_container(context, std::move(request));
}

}  // namespace

const Verb kRestore = {"restore",       "CONTAINER", "Make a container of what checkpoint has written",
                       kRestoreOptions, 1,           1,
                       false,           run_restore};

}  // namespace berth::runtime::cli
