// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth::runtime::cli {

/// One flag: "--bundle PATH", "-b PATH", "--bundle=PATH"; a single dash before the long name is
/// accepted, too, because runc's parser does.
struct Option {
  std::string_view name;
  char letter = '\0';          ///< '\0': none
  std::string_view value;      ///< what follows it, for the help; empty: it is a switch
  std::string_view help = {};  ///< one line
};

/// Words of a command line, told apart. kInvalidArgument for flags that nobody knows, and for values
/// that are missing.
class Arguments {
 public:
  /// With `stops_at_words` everything from the first word on is words: a command and its own flags.
  static Result<Arguments> parse(std::span<const std::string> line, std::span<const Option> options,
                                 bool stops_at_words);

  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  /// The last value counts.
  std::string text(std::string_view name, std::string_view fallback = {}) const;
  std::vector<std::string> all(std::string_view name) const;
  /// Absent, or a whole number from `least` on.
  Result<std::optional<std::int64_t>> number(std::string_view name, std::int64_t least = 0) const;

  std::vector<std::string> words;
  std::size_t consumed = 0;  ///< of the line, up to the first word when it stops there

 private:
  Result<void> take(const Option& option, std::optional<std::string> value);

  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

/// Of the process; empty when it is not there.
std::string_view variable(char** environment, std::string_view name);

}  // namespace berth::runtime::cli
