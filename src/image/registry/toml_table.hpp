// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "base/result.hpp"

namespace berth::image {

/// Reads typed keys of one TOML table. An absent key is empty; the first value of a wrong type is kept as
/// the problem, with its line. Does not own the table.
class TomlTable {
 public:
  TomlTable(const toml::table& table, std::string subject) : table_(table), subject_(std::move(subject)) {}

  bool has(const char* key) const { return table_.get(key) != nullptr; }
  std::string text(const char* key);
  bool flag(const char* key);
  std::vector<std::string> texts(const char* key);
  /// A string, or an array of them.
  std::vector<std::string> text_or_texts(const char* key);
  std::vector<const toml::table*> tables(const char* key);
  /// Null when absent.
  const toml::table* table(const char* key);

  void problem(const toml::node& node, std::string_view key, std::string_view wanted);
  /// The problem, if there was one: to be asked after the last key.
  Result<void> check() const { return problem_ ? Result<void>(*problem_) : Result<void>(); }

 private:
  const toml::table& table_;
  std::string subject_;
  std::optional<Error> problem_;
};

/// Parses `text` and hands the document to `read`. toml++ reports by exceptions; none leaves here.
/// kInvalidArgument names `subject` (a path) and the line.
Result<void> read_toml(std::string_view text, const std::string& subject,
                       const std::function<Result<void>(const toml::table&)>& read);

}  // namespace berth::image
