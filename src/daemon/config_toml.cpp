// SPDX-License-Identifier: Apache-2.0
// The library's shared object throws; its header need not. One translation unit pays for that.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// Its assertions fire on text that is merely wrong ("[[["), before the code that would say so.
#undef NDEBUG
#define TOML_ASSERT(...) static_assert(true)
#include "daemon/config_toml.hpp"

#include <toml++/toml.h>

#include "base/cat.hpp"
#include "daemon/config_keys.hpp"

namespace berth::daemon {
namespace {

std::string_view type_name(toml::node_type type) {
  switch (type) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

/// Walks one document. The first thing wrong ends it.
class Merge {
 public:
  Merge(const std::string& file, const std::string& origin, LoadedConfig& into)
      : file_(file), origin_(origin), into_(into) {}

  Result<void> document(const toml::table& root) {
    for (const auto& [name, node] : root) {
      const toml::table* table = node.as_table();
      if (table == nullptr || !is_config_table(name.str())) {
        return refuse(std::string(name.str()), node);
      }
      RETURN_IF_ERROR(settings(std::string(name.str()), *table));
    }
    return {};
  }

 private:
  Error at(const toml::source_region& where, const std::string& what) const {
    return Error(Code::kInvalidArgument, cat(file_, ":", where.begin.line, ": ", what));
  }
  Error wrong_type(const std::string& path, std::string_view wanted, const toml::node& node) const {
    std::string value;
    if (const auto* text = node.as_string()) value = cat(" (\"", text->get(), "\")");
    if (const auto* number = node.as_integer()) value = cat(" (", number->get(), ")");
    if (const auto* flag = node.as_boolean()) value = flag->get() ? " (true)" : " (false)";
    return at(node.source(), cat(path, " must be ", wanted, ", not ", type_name(node.type()), value));
  }

  /// What nobody knows, by its first key if it is a table.
  Error refuse(const std::string& path, const toml::node& node) const {
    if (is_config_table(path)) return wrong_type(path, "a table", node);
    if (const toml::table* table = node.as_table(); table != nullptr && !table->empty()) {
      const auto first = table->begin();
      return refuse(cat(path, ".", first->first.str()), first->second);
    }
    const std::string nearest = nearest_config_key(path);
    return at(node.source(), cat("unknown key \"", path, "\"",
                                 nearest.empty() ? "" : cat("; did you mean \"", nearest, "\"?")));
  }

  Result<void> settings(const std::string& table, const toml::table& values) {
    for (const auto& entry : values) {  // no structured binding: clang 14 lets no lambda capture one
      const toml::node& node = entry.second;
      const std::string path = cat(table, ".", entry.first.str());
      if (path == kHandlersTable) {
        RETURN_IF_ERROR(handlers(node));
      } else if (const ConfigKey* key = find_config_key(path)) {
        RETURN_IF_ERROR(
            std::visit([&](auto member) { return assign(*key, node, into_.config.*member); }, key->member));
        into_.origins[path] = origin_;
      } else {
        return refuse(path, node);
      }
    }
    return {};
  }

  Result<void> handlers(const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return wrong_type(std::string(kHandlersTable), "a table", node);
    for (const auto& [name, settings] : *table) {
      const std::string path = cat(kHandlersTable, ".", name.str());
      if (!settings.is_table()) return wrong_type(path, "a table", settings);
      RETURN_IF_ERROR(handler(path, *settings.as_table(), into_.config.handlers[std::string(name.str())]));
    }
    return {};
  }

  Result<void> handler(const std::string& path, const toml::table& values, HandlerConfig& into) {
    for (const auto& [name, node] : values) {
      const HandlerKey* known = nullptr;
      for (const auto& key : handler_keys()) {
        if (key.name == name.str()) known = &key;
      }
      const std::string full = cat(path, ".", name.str());
      if (known == nullptr) return refuse(full, node);
      const auto* value = node.as_boolean();
      if (value == nullptr) return wrong_type(full, "a boolean", node);
      into.*(known->member) = value->get();
      into_.origins[full] = origin_;
    }
    return {};
  }

  Result<void> assign(const ConfigKey& key, const toml::node& node, std::string& into) const {
    const auto* value = node.as_string();
    if (value == nullptr) return wrong_type(key.path(), "a string", node);
    if (value->get().find('\0') != std::string::npos)
      return at(node.source(), cat(key.path(), " has a NUL character in it"));
    into = value->get();
    return {};
  }
  Result<void> assign(const ConfigKey& key, const toml::node& node, std::vector<std::string>& into) const {
    const toml::array* list = node.as_array();
    if (list == nullptr) return wrong_type(key.path(), "a list of strings", node);
    std::vector<std::string> values(list->size());
    for (std::size_t i = 0; i < list->size(); ++i) RETURN_IF_ERROR(assign(key, (*list)[i], values[i]));
    into = std::move(values);
    return {};
  }
  template <class Integer>
  Result<void> assign(const ConfigKey& key, const toml::node& node, Integer& into) const {
    const auto* value = node.as_integer();
    if (value == nullptr) return wrong_type(key.path(), "an integer", node);
    if (const auto fits = check_range(key, value->get()); !fits)
      return at(node.source(), fits.error().to_string());
    into = static_cast<Integer>(value->get());
    return {};
  }

  const std::string& file_;
  const std::string& origin_;
  LoadedConfig& into_;
};

}  // namespace

Result<void> merge_toml(std::string_view text, const std::string& file, const std::string& origin,
                        LoadedConfig& into) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return Error(Code::kInvalidArgument,
                 cat(file, ":", parsed.error().source().begin.line, ": ", parsed.error().description()));
  }
  return Merge(file, origin, into).document(parsed.table());
}

}  // namespace berth::daemon
