// SPDX-License-Identifier: Apache-2.0
#include "image/store_record.hpp"

#include "base/json.hpp"

namespace berth::image {
namespace {

constexpr const char* kSubject = "stored image config";
constexpr std::size_t kMaxRecord = 16UL * 1024 * 1024;

Result<std::vector<std::string>> record_strings(const Json& record, const char* key) {
  std::vector<std::string> found;
  const auto list = record.find(key);
  if (list == record.end() || !list->is_array())
    return Error(Code::kInvalidArgument, std::string(kSubject) + ": no list " + key);
  for (const Json& item : *list) {
    if (!item.is_string())
      return Error(Code::kInvalidArgument, std::string(kSubject) + ": not a string in " + key);
    found.push_back(item.get_ref<const std::string&>());
  }
  return found;
}

}  // namespace

std::string format_config_record(const ImageConfig& config) {
  std::vector<std::string> diff_ids;
  for (const Digest& diff_id : config.diff_ids) diff_ids.push_back(diff_id.text());
  return to_text(Json{{"os", config.os},
                      {"architecture", config.architecture},
                      {"variant", config.variant},
                      {"user", config.user},
                      {"env", config.env},
                      {"entrypoint", config.entrypoint},
                      {"cmd", config.cmd},
                      {"working_dir", config.working_dir},
                      {"stop_signal", config.stop_signal},
                      {"volumes", config.volumes},
                      {"labels", config.labels},
                      {"diff_ids", diff_ids}});
}

Result<ImageConfig> parse_config_record(const std::string& text) {
  ASSIGN_OR_RETURN(const Json record, parse_json(text, kMaxRecord, kSubject));
  ImageConfig config;
  const std::pair<const char*, std::string*> texts[] = {
      {"os", &config.os},     {"architecture", &config.architecture}, {"variant", &config.variant},
      {"user", &config.user}, {"working_dir", &config.working_dir},   {"stop_signal", &config.stop_signal}};
  for (const auto& [key, value] : texts) {
    ASSIGN_OR_RETURN(*value, json_string(record, key, kSubject));
  }
  const std::pair<const char*, std::vector<std::string>*> lists[] = {{"env", &config.env},
                                                                     {"entrypoint", &config.entrypoint},
                                                                     {"cmd", &config.cmd},
                                                                     {"volumes", &config.volumes}};
  for (const auto& [key, value] : lists) {
    ASSIGN_OR_RETURN(*value, record_strings(record, key));
  }
  const auto labels = record.find("labels");
  if (labels == record.end() || !labels->is_object())
    return Error(Code::kInvalidArgument, "stored image config: no labels");
  for (const auto& [key, value] : labels->items()) {
    ASSIGN_OR_RETURN(config.labels[key], json_string(*labels, key, kSubject));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> diff_ids, record_strings(record, "diff_ids"));
  for (const std::string& diff_id : diff_ids) {
    ASSIGN_OR_RETURN(Digest digest, Digest::parse(diff_id));
    config.diff_ids.push_back(std::move(digest));
  }
  return config;
}

}  // namespace berth::image
