// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

/// What a sysctl's key says about it. Pure.
namespace berth::runtime {

/// kInvalidArgument, naming key and value, for a key that could leave /proc/sys and for a value with
/// a newline or a NUL in it.
Result<void> check_sysctl_form(std::string_view key, std::string_view value);

/// The namespace that a well-formed key belongs to; nullopt: it is the host's.
std::optional<oci::NamespaceType> sysctl_owner(std::string_view key);

/// "net.ipv4.conf.eth0/5.forwarding" to "net/ipv4/conf/eth0.5/forwarding", as sysctl(8) reads it.
std::string sysctl_path(std::string_view key);

Error sysctl_refusal(std::string_view key, std::string_view value, std::string_view why);

}  // namespace berth::runtime
