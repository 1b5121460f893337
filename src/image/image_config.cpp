// SPDX-License-Identifier: Apache-2.0
#include "image/image_config.hpp"

#include "base/cat.hpp"
#include "base/json.hpp"
#include "image/manifest.hpp"

namespace berth::image {
namespace {

constexpr std::string_view kSubject = "image config";

Error malformed_key(std::string_view key, std::string_view wanted) {
  return {Code::kInvalidArgument, cat(kSubject, ": \"", key, "\" is not ", wanted)};
}

// Null when absent or null.
const Json* member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Result<std::vector<std::string>> config_strings(const Json& object, const char* key) {
  std::vector<std::string> values;
  const Json* array = member(object, key);
  if (array == nullptr) return values;
  if (!array->is_array()) return malformed_key(key, "an array of strings");
  for (const Json& item : *array) {
    if (!item.is_string()) return malformed_key(key, "an array of strings");
    const auto& text = item.get_ref<const std::string&>();
    if (text.find('\0') != std::string::npos) return malformed_key(key, "free of NUL bytes");
    values.push_back(text);
  }
  return values;
}

Result<std::vector<std::string>> keys(const Json& object, const char* key) {
  std::vector<std::string> values;
  const Json* set = member(object, key);
  if (set == nullptr) return values;
  if (!set->is_object()) return malformed_key(key, "an object");
  for (const auto& [name, unused] : set->items()) values.push_back(name);
  return values;
}

Result<std::map<std::string, std::string>> labels(const Json& object) {
  std::map<std::string, std::string> values;
  const Json* map = member(object, "Labels");
  if (map == nullptr) return values;
  if (!map->is_object()) return malformed_key("Labels", "an object");
  for (const auto& [name, value] : map->items()) {
    if (!value.is_string()) return malformed_key("Labels", "an object of strings");
    values.emplace(name, value.get_ref<const std::string&>());
  }
  return values;
}

Result<std::vector<Digest>> diff_ids(const Json& document) {
  std::vector<Digest> values;
  const Json* rootfs = member(document, "rootfs");
  if (rootfs == nullptr) return values;
  ASSIGN_OR_RETURN(const std::string type,
                   json_string_or(*rootfs, "type", "layers", "image config's rootfs"));
  if (type != "layers") return malformed_key("rootfs.type", "\"layers\"");
  ASSIGN_OR_RETURN(const auto texts, config_strings(*rootfs, "diff_ids"));
  if (texts.size() > kMaxLayers)
    return malformed_key("rootfs.diff_ids", cat("at most ", kMaxLayers, " layers"));
  for (const std::string& text : texts) {
    auto digest = Digest::parse(text);
    if (!digest) return std::move(digest).context("image config's rootfs.diff_ids").error();
    values.push_back(*std::move(digest));
  }
  return values;
}

Result<void> read_process(const Json& process, ImageConfig& config) {
  if (!process.is_object()) return malformed_key("config", "an object");
  ASSIGN_OR_RETURN(config.user, json_string_or(process, "User", "", kSubject));
  ASSIGN_OR_RETURN(config.working_dir, json_string_or(process, "WorkingDir", "", kSubject));
  ASSIGN_OR_RETURN(config.stop_signal, json_string_or(process, "StopSignal", "", kSubject));
  ASSIGN_OR_RETURN(config.env, config_strings(process, "Env"));
  ASSIGN_OR_RETURN(config.entrypoint, config_strings(process, "Entrypoint"));
  ASSIGN_OR_RETURN(config.cmd, config_strings(process, "Cmd"));
  ASSIGN_OR_RETURN(config.volumes, keys(process, "Volumes"));
  ASSIGN_OR_RETURN(config.labels, labels(process));
  return {};
}

}  // namespace

Result<ImageConfig> parse_image_config(std::string_view bytes) {
  ASSIGN_OR_RETURN(const Json document, parse_json(bytes, kMaxConfigSize, kSubject));
  if (!document.is_object()) return Error(Code::kInvalidArgument, "the image config is not a JSON object");
  ImageConfig config;
  ASSIGN_OR_RETURN(config.os, json_string_or(document, "os", "", kSubject));
  ASSIGN_OR_RETURN(config.architecture, json_string_or(document, "architecture", "", kSubject));
  ASSIGN_OR_RETURN(config.variant, json_string_or(document, "variant", "", kSubject));
  if (!config.os.empty() && config.os != host_platform().os) {
    return Error(Code::kFailedPrecondition,
                 cat("the image is for ", config.os, ", this host is ", host_platform().os));
  }
  ASSIGN_OR_RETURN(config.diff_ids, diff_ids(document));
  if (const Json* process = member(document, "config")) RETURN_IF_ERROR(read_process(*process, config));
  return config;
}

}  // namespace berth::image
