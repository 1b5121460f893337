// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "netcni/networks.hpp"

namespace berth::netcni {

/// The interface that every pod has.
inline constexpr std::string_view kPodInterface = "eth0";

/// What plugins are told about one pod, whatever the network: the same for ADD, CHECK and DEL, and
/// therefore stored with the attachment.
struct Arguments {
  std::string container_id;
  std::string netns;
  std::string ifname;
  std::string cni_args;  ///< CNI_ARGS, "K=V;K=V"
  Json capabilities;     ///< runtimeConfig, before each plugin's declared capabilities select from it
};

/// Refuses (kInvalidArgument) what the environment variables cannot carry.
Result<Arguments> arguments_of(const AttachRequest& request);

std::string to_json(const Arguments& arguments);
Result<Arguments> arguments_from_json(std::string_view text);

}  // namespace berth::netcni
