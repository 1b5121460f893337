// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "runtime/cli/arguments.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime::cli {

/// The process of an exec: that of --process, or the container's own with another command and what
/// the flags change. What confines the container confines it: no_new_privs is never less, absent
/// capabilities are the container's, and nothing is inheritable.
Result<oci::Process> exec_process(const Arguments& line, const oci::Process& container);

/// "1000", "1000:100"; names are not looked up.
Result<void> parse_user(const std::string& text, oci::User& user);

}  // namespace berth::runtime::cli
