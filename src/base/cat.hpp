// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace berth {
namespace cat_detail {
inline void append(std::string& out, std::string_view piece) {
  out.append(piece);
}
// Not a plain char: enums and truth values would become one.
template <std::same_as<char> Character>
void append(std::string& out, Character piece) {
  out.push_back(piece);
}
template <std::integral Number>
requires(!std::same_as<Number, char> && !std::same_as<Number, bool>) void append(std::string& out,
                                                                                 Number piece) {
  out.append(std::to_string(piece));
}
}  // namespace cat_detail

/// Joins strings, characters and integers: what <format> would be for, had GCC 12 one.
template <class... Pieces>
std::string cat(const Pieces&... pieces) {
  std::string out;
  (cat_detail::append(out, pieces), ...);
  return out;
}

}  // namespace berth
