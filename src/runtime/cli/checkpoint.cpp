// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kCheckpointOptions[] = {
    {"image-path", '\0', "DIR", "Where the images are"},
    {"work-path", '\0', "DIR", "Where CRIU's log goes"},
};

Result<int> run_checkpoint(const Context&) {
  return Error(Code::kUnimplemented, "checkpoint: support for CRIU is not built into this berth-oci");
}

}  // namespace

const Verb kCheckpoint = {"checkpoint", "CONTAINER",   "Not supported: needs CRIU", kCheckpointOptions, 0, 9,
                          true,         run_checkpoint};

}  // namespace berth::runtime::cli
