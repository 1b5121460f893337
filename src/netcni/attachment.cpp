// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "base/json.hpp"
#include "netcni/arguments.hpp"
#include "netcni/conflist.hpp"
#include "netcni/networks.hpp"
#include "netcni/result.hpp"

namespace berth::netcni {
namespace {

constexpr int kSchema = 1;
// The three parts have limits of their own; as strings in JSON they grow by their escapes.
constexpr std::size_t kMaxAttachment = 16 * 1024 * 1024;
constexpr std::string_view kSubject = "stored network attachment";

Error invalid(std::string_view problem) {
  return {Code::kInvalidArgument, cat(kSubject, ": ", problem)};
}

Result<std::vector<std::string>> read_ips(const Json& object) {
  const auto found = object.find("ips");
  if (found == object.end() || !found->is_array()) return invalid("\"ips\" is not a list");
  std::vector<std::string> ips;
  for (const Json& ip : *found) {
    const auto* text = ip.get_ptr<const std::string*>();
    if (text == nullptr || canonical_ip(*text).empty()) return invalid("one of \"ips\" is not an IP address");
    ips.push_back(*text);
  }
  return ips;
}

}  // namespace

std::string to_json(const Attachment& attachment) {
  return to_text({{"schema", kSchema},
                  {"conflist", attachment.conflist_json},
                  {"result", attachment.result_json},
                  {"args", attachment.args_json},
                  {"ips", attachment.ips}});
}

// The parts are parsed here, too, so that a damaged record is found when it is loaded, and not when
// the pod is to be torn down.
Result<Attachment> attachment_from_json(const std::string& text) {
  ASSIGN_OR_RETURN(const Json object, parse_json(text, kMaxAttachment, kSubject));
  if (!object.is_object()) return invalid("not a JSON object");
  const auto schema = object.find("schema");
  if (schema == object.end() || *schema != kSchema) return invalid("unknown schema");
  Attachment attachment;
  ASSIGN_OR_RETURN(attachment.conflist_json, json_string(object, "conflist", kSubject));
  ASSIGN_OR_RETURN(attachment.result_json, json_string(object, "result", kSubject));
  ASSIGN_OR_RETURN(attachment.args_json, json_string(object, "args", kSubject));
  ASSIGN_OR_RETURN(attachment.ips, read_ips(object));
  ASSIGN_OR_RETURN(const Conflist list, parse_conflist(attachment.conflist_json, kSubject));
  if (!attachment.result_json.empty()) {
    RETURN_IF_ERROR(parse_result(attachment.result_json, list.version, kSubject));
  }
  RETURN_IF_ERROR(arguments_from_json(attachment.args_json));
  return attachment;
}

}  // namespace berth::netcni
