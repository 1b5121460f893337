// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "base/result.hpp"

namespace berth::ctl {

/// Reads a pod or container configuration in the JSON form that crictl takes (snake_case or camelCase keys,
/// enums as numbers or names). kInvalidArgument names the file; an unknown key is an error, not ignored.
Result<void> read_json_file(const std::string& path, google::protobuf::Message& into);
Result<void> parse_json_message(const std::string& text, const std::string& subject,
                                google::protobuf::Message& into);

/// Pretty-printed, keys in camelCase as crictl prints them, fields that are zero included.
std::string to_pretty_json(const google::protobuf::Message& message);

}  // namespace berth::ctl
