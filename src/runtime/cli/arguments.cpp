// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/arguments.hpp"

#include <charconv>

#include "base/cat.hpp"

namespace berth::runtime::cli {
namespace {

const Option* find_option(std::span<const Option> options, std::string_view word) {
  for (const Option& option : options) {
    if (option.name == word) return &option;
    if (option.letter != '\0' && word.size() == 1 && word.front() == option.letter) return &option;
  }
  return nullptr;
}

bool is_flag(const std::string& word) {
  return word.size() > 1 && word.front() == '-';
}

}  // namespace

Result<void> Arguments::take(const Option& option, std::optional<std::string> value) {
  const auto entry = values_.try_emplace(std::string(option.name)).first;
  if (!option.value.empty()) {
    entry->second.push_back(std::move(value).value_or(std::string()));
    return {};
  }
  if (!value || *value == "true" || *value == "1") return {};
  if (*value != "false" && *value != "0") {
    return Error(Code::kInvalidArgument, cat("--", option.name, " is true or false, not \"", *value, "\""));
  }
  values_.erase(entry);
  return {};
}

Result<Arguments> Arguments::parse(std::span<const std::string> line, std::span<const Option> options,
                                   bool stops_at_words) {
  Arguments result;
  std::size_t at = 0;
  while (at < line.size()) {
    const std::string& word = line[at];
    if (word == "--") {
      ++at;
      break;
    }
    if (!is_flag(word)) {
      if (stops_at_words) break;
      result.words.push_back(word);
      ++at;
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::size_t dashes = word[1] == '-' ? 2 : 1;
    const std::string name = word.substr(dashes, equals == std::string::npos ? equals : equals - dashes);
    const Option* option = find_option(options, name);
    if (option == nullptr) return Error(Code::kInvalidArgument, cat("there is no flag ", word));
    std::optional<std::string> value;
    if (equals != std::string::npos) value = word.substr(equals + 1);
    ++at;
    if (!value && !option->value.empty()) {
      if (at == line.size()) return Error(Code::kInvalidArgument, cat(word, " needs a value"));
      value = line[at++];
    }
    RETURN_IF_ERROR(result.take(*option, std::move(value)));
  }
  result.consumed = at;
  result.words.insert(result.words.end(), line.begin() + static_cast<std::ptrdiff_t>(at), line.end());
  return result;
}

std::string Arguments::text(std::string_view name, std::string_view fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() || found->second.empty() ? std::string(fallback) : found->second.back();
}

std::vector<std::string> Arguments::all(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<std::optional<std::int64_t>> Arguments::number(std::string_view name, std::int64_t least) const {
  if (!has(name)) return std::optional<std::int64_t>();
  const std::string value = text(name);
  std::int64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [stopped, failed] = std::from_chars(value.data(), end, number);
  if (failed != std::errc() || stopped != end || number < least) {
    return Error(Code::kInvalidArgument,
                 cat("--", name, " is a whole number from ", least, " on, not \"", value, "\""));
  }
  return std::optional(number);
}

std::string_view variable(char** environment, std::string_view name) {
  for (char** entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.size() > name.size() && text.starts_with(name) && text[name.size()] == '=')
      return text.substr(name.size() + 1);
  }
  return {};
}

}  // namespace berth::runtime::cli
