// SPDX-License-Identifier: Apache-2.0
#include "netcni/conflist.hpp"

#include <algorithm>
#include <array>

#include "base/cat.hpp"
#include "netcni/names.hpp"

namespace berth::netcni {
namespace {

constexpr std::array<std::string_view, 5> kVersions{"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
constexpr std::size_t kMaxPlugins = 64;

std::size_t rank(std::string_view version) {
  const auto* const found = std::find(kVersions.begin(), kVersions.end(), version);
  return found == kVersions.end() ? 0 : static_cast<std::size_t>(found - kVersions.begin()) + 1;
}

Error invalid(std::string_view subject, std::string_view problem) {
  return {Code::kInvalidArgument, cat(subject, ": ", problem)};
}

Result<void> offer(const Json& version, std::string_view subject, std::string& best, std::string& offered) {
  const std::string* text = version.get_ptr<const std::string*>();
  if (text == nullptr) return invalid(subject, "a CNI version is not a string");
  if (rank(*text) > rank(best)) best = *text;
  offered += cat(offered.empty() ? "" : ", ", printable(*text, 20));
  return {};
}

/// Section 1 of the spec: "cniVersion", or since 1.1 any of "cniVersions".
Result<std::string> choose_version(const Json& object, std::string_view subject) {
  std::string best;
  std::string offered;
  if (const auto one = object.find("cniVersion"); one != object.end()) {
    RETURN_IF_ERROR(offer(*one, subject, best, offered));
  }
  if (const auto several = object.find("cniVersions"); several != object.end()) {
    if (!several->is_array() || several->size() > kMaxPlugins)
      return invalid(subject, "\"cniVersions\" is not a short array");
    for (const Json& version : *several) RETURN_IF_ERROR(offer(version, subject, best, offered));
  }
  if (!best.empty()) return best;
  if (offered.empty()) return invalid(subject, "\"cniVersion\" is missing");
  return invalid(subject, cat("CNI version ", offered, " is not supported (0.3.0 to 1.1.0 are)"));
}

/// A boolean, which the older specs wrote as a string.
Result<bool> flag(const Json& object, std::string_view key, std::string_view subject) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return false;
  if (const bool* value = found->get_ptr<const bool*>()) return *value;
  if (*found == "true") return true;
  if (*found == "false") return false;
  return invalid(subject, cat("\"", key, "\" is neither true nor false"));
}

Result<PluginConf> parse_plugin(const Json& object, std::string_view subject) {
  PluginConf plugin;
  ASSIGN_OR_RETURN(plugin.type, json_string(object, "type", subject));
  RETURN_IF_ERROR(check_plugin_type(plugin.type).context(std::string(subject)));
  if (const auto declared = object.find("capabilities"); declared != object.end() && !declared->is_null()) {
    if (!declared->is_object()) return invalid(subject, "\"capabilities\" is not an object");
    for (const auto& [name, wanted] : declared->items()) {
      if (!wanted.is_boolean())
        return invalid(subject, cat("capability \"", printable(name, 60), "\" is not a boolean"));
      if (wanted == true) plugin.capabilities.insert(name);
    }
  }
  plugin.config = object;
  return plugin;
}

Result<Conflist> read_list(const Json& object, std::string_view subject) {
  Conflist list;
  ASSIGN_OR_RETURN(list.name, json_string(object, "name", subject));
  RETURN_IF_ERROR(check_identifier(list.name, "network name").context(std::string(subject)));
  ASSIGN_OR_RETURN(list.version, choose_version(object, subject));
  ASSIGN_OR_RETURN(list.disable_check, flag(object, "disableCheck", subject));
  const auto plugins = object.find("plugins");
  if (plugins == object.end() || !plugins->is_array() || plugins->empty()) {
    return invalid(subject, "\"plugins\" is not a list of at least one plugin");
  }
  if (plugins->size() > kMaxPlugins) return invalid(subject, cat("more than ", kMaxPlugins, " plugins"));
  for (const Json& entry : *plugins) {
    ASSIGN_OR_RETURN(PluginConf plugin,
                     parse_plugin(entry, cat(subject, ": plugin ", list.plugins.size() + 1)));
    list.plugins.push_back(std::move(plugin));
  }
  return list;
}

// Generated at execution time; the spec reserves them, so a configuration cannot preset them.
bool is_reserved(const std::string& key) {
  return key == "capabilities" || key == "runtimeConfig" || key == "prevResult" ||
         key.starts_with("cni.dev/");
}

}  // namespace

bool is_supported_version(std::string_view version) {
  return rank(version) != 0;
}

bool is_at_least(std::string_view version, std::string_view minimum) {
  return rank(version) >= rank(minimum);
}

Result<Conflist> parse_conflist(std::string_view text, std::string_view subject) {
  ASSIGN_OR_RETURN(const Json object, parse_json(text, kMaxConfSize, subject));
  ASSIGN_OR_RETURN(Conflist list, read_list(object, subject));
  list.text = std::string(text);
  return list;
}

Result<Conflist> parse_conf(std::string_view text, std::string_view subject) {
  ASSIGN_OR_RETURN(const Json object, parse_json(text, kMaxConfSize, subject));
  RETURN_IF_ERROR(json_string(object, "type", subject));
  Json wrapped = Json::object();
  for (const char* key : {"name", "cniVersion", "cniVersions"}) {
    if (const auto found = object.find(key); found != object.end()) wrapped[key] = *found;
  }
  wrapped["plugins"] = Json::array({object});
  ASSIGN_OR_RETURN(Conflist list, read_list(wrapped, subject));
  list.text = to_text(wrapped);
  return list;
}

std::string plugin_input(const Conflist& list, const PluginConf& plugin, const Json& prev_result,
                         const Json& arguments) {
  Json input = Json::object();
  for (const auto& [key, value] : plugin.config.items()) {
    if (!is_reserved(key)) input[key] = value;
  }
  input["name"] = list.name;
  input["cniVersion"] = list.version;
  if (!prev_result.is_null()) input["prevResult"] = prev_result;
  for (const auto& [key, value] : arguments.items()) {
    if (plugin.capabilities.contains(key)) input["runtimeConfig"][key] = value;
  }
  return to_text(input);
}

}  // namespace berth::netcni
