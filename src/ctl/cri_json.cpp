// SPDX-License-Identifier: Apache-2.0
#include "ctl/cri_json.hpp"

#include <google/protobuf/util/json_util.h>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth::ctl {

constexpr std::size_t kMaxConfig = 4 << 20;

Result<void> parse_json_message(const std::string& text, const std::string& subject,
                                google::protobuf::Message& into) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &into, options);
  if (status.ok()) return {};
  return Error(Code::kInvalidArgument,
               cat(subject, " is no ", into.GetDescriptor()->name(), ": ", std::string(status.message())));
}

Result<void> read_json_file(const std::string& path, google::protobuf::Message& into) {
  ASSIGN_OR_RETURN(const std::string text, read_file(path, kMaxConfig));
  return parse_json_message(text, path, into);
}

std::string to_pretty_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok())
    return message.DebugString();
  return text;
}

}  // namespace berth::ctl
