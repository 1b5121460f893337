// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kRestoreOptions[] = {
    {"image-path", '\0', "DIR", "Where the images are"},
    {"work-path", '\0', "DIR", "Where CRIU's log goes"},
};

Result<int> run_restore(const Context&) {
  return Error(Code::kUnimplemented, "restore: support for CRIU is not built into this berth-oci");
}

}  // namespace

const Verb kRestore = {"restore", "CONTAINER", "Not supported: needs CRIU", kRestoreOptions, 0, 9,
                       true,      run_restore};

}  // namespace berth::runtime::cli
