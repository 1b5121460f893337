// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::netcni {

/// More than this on a plugin's stdout is refused, whatever it says.
inline constexpr std::size_t kMaxPluginOutput = 1024 * 1024;

/// Checks what a plugin printed on a successful ADD (spec versions 0.3.0 to 1.1.0) and returns it
/// otherwise unchanged, so that it can be handed on as prevResult. A missing "cniVersion" becomes `version`.
Result<Json> parse_result(std::string_view text, std::string_view version, std::string_view subject);

/// The pod's addresses in a checked result, without prefix length, primary first: those of the
/// interface `ifname` in the sandbox; failing that those tied to no interface; failing that those of
/// any interface in a sandbox. Addresses of host interfaces are never the pod's.
std::vector<std::string> pod_ips(const Json& result, std::string_view ifname);

/// A result that says no more than that the interface in the sandbox has these addresses.
Json make_result(std::string_view version, std::string_view ifname, std::string_view netns,
                 const std::vector<std::string>& ips);

/// The canonical text of an IP address without prefix; empty when it is none.
std::string canonical_ip(const std::string& text);

}  // namespace berth::netcni
