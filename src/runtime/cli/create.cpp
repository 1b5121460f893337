// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/create_container.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kCreateOptions[] = {
    {"bundle", 'b', "DIR", "Directory of config.json [.]"},
    {"console-socket", '\0', "PATH", "Where the terminal's master is sent"},
    {"pid-file", '\0', "FILE", "Gets the number of the container's process"},
    {"preserve-fds", '\0', "N", "Pass descriptors 3 to 3+N-1 on"},
    {"no-new-keyring", '\0', "", "Keep the caller's session keyring"},
    {"no-pivot", '\0', "", "Move the root over /: where that is a ramdisk"},
};

Result<int> run_create(const Context& context) {
  ASSIGN_OR_RETURN(const CreateRequest request, read_create_request(context));
  RETURN_IF_ERROR(create_container(context, request));
  return 0;
}

}  // namespace

const Verb kCreate = {"create",       "CONTAINER", "Make a container whose program waits for start",
                      kCreateOptions, 1,           1,
                      false,          run_create};

}  // namespace berth::runtime::cli
