// SPDX-License-Identifier: Apache-2.0
#include "image/registry/toml_table.hpp"

#include <utility>

#include "base/cat.hpp"

namespace berth::image {

void TomlTable::problem(const toml::node& node, std::string_view key, std::string_view wanted) {
  if (problem_) return;
  problem_ = Error(Code::kInvalidArgument,
                   cat(subject_, " line ", node.source().begin.line, ": ", key, " is not ", wanted));
}

std::string TomlTable::text(const char* key) {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return {};
  if (const auto* value = node->as_string()) return value->get();
  problem(*node, key, "a string");
  return {};
}

bool TomlTable::flag(const char* key) {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return false;
  if (const auto* value = node->as_boolean()) return value->get();
  problem(*node, key, "true or false");
  return false;
}

std::vector<std::string> TomlTable::texts(const char* key) {
  std::vector<std::string> values;
  const toml::node* node = table_.get(key);
  if (node == nullptr) return values;
  const toml::array* array = node->as_array();
  if (array == nullptr) problem(*node, key, "an array of strings");
  if (array == nullptr) return values;
  for (const toml::node& item : *array) {
    if (const auto* value = item.as_string()) values.push_back(value->get());
    if (!item.is_string()) problem(item, key, "an array of strings");
  }
  return values;
}

std::vector<std::string> TomlTable::text_or_texts(const char* key) {
  const toml::node* node = table_.get(key);
  if (node != nullptr && node->is_string()) return {text(key)};
  return texts(key);
}

std::vector<const toml::table*> TomlTable::tables(const char* key) {
  std::vector<const toml::table*> values;
  const toml::node* node = table_.get(key);
  if (node == nullptr) return values;
  const toml::array* array = node->as_array();
  if (array == nullptr) problem(*node, key, "an array of tables");
  if (array == nullptr) return values;
  for (const toml::node& item : *array) {
    if (const auto* table = item.as_table()) values.push_back(table);
    if (!item.is_table()) problem(item, key, "an array of tables");
  }
  return values;
}

const toml::table* TomlTable::table(const char* key) {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) problem(*node, key, "a table");
  return node->as_table();
}

Result<void> read_toml(std::string_view text, const std::string& subject,
                       const std::function<Result<void>(const toml::table&)>& read) {
  try {
    return read(toml::parse(text, std::string_view(subject)));
  } catch (const toml::parse_error& problem) {
    return Error(Code::kInvalidArgument,
                 cat(subject, " line ", problem.source().begin.line, ": ", problem.description()));
  } catch (const std::exception& problem) {
    return Error(Code::kInvalidArgument, cat(subject, ": ", problem.what()));
  }
}

}  // namespace berth::image
