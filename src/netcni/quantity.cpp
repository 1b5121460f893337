// SPDX-License-Identifier: Apache-2.0
#include "netcni/quantity.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/cat.hpp"
#include "netcni/names.hpp"

namespace berth::netcni {
namespace {

constexpr std::size_t kMaxText = 64;
constexpr long double kLeast = 1e3L;
constexpr long double kMost = 1e15L;

struct Scale {
  std::string_view suffix;
  long double factor;
};
constexpr std::array<Scale, 15> kScales{{{"", 1},
                                         {"n", 1e-9L},
                                         {"u", 1e-6L},
                                         {"m", 1e-3L},
                                         {"k", 1e3L},
                                         {"M", 1e6L},
                                         {"G", 1e9L},
                                         {"T", 1e12L},
                                         {"P", 1e15L},
                                         {"E", 1e18L},
                                         {"Ki", 1024.0L},
                                         {"Mi", 1048576.0L},
                                         {"Gi", 1073741824.0L},
                                         {"Ti", 1099511627776.0L},
                                         {"Pi", 1125899906842624.0L}}};

std::optional<long double> scale_of(std::string_view suffix) {
  for (const Scale& scale : kScales) {
    if (scale.suffix == suffix) return scale.factor;
  }
  // A decimal exponent; a lone "E" was exa.
  if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return std::nullopt;
  suffix.remove_prefix(1);
  if (suffix[0] == '+') suffix.remove_prefix(1);
  int exponent = 0;
  const auto [rest, problem] = std::from_chars(suffix.data(), suffix.data() + suffix.size(), exponent);
  if (problem != std::errc() || rest != suffix.data() + suffix.size() || exponent < -18 || exponent > 18)
    return std::nullopt;
  return std::pow(10.0L, exponent);
}

/// Digits with at most one point, and what follows them.
std::optional<std::pair<long double, std::string_view>> mantissa_of(std::string_view text) {
  long double value = 0;
  long double place = 0;  // of the next digit behind the point; 0 before it
  std::size_t digits = 0;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && place == 0) {
      place = 0.1L;
    } else if (c >= '0' && c <= '9') {
      ++digits;
      value = place == 0 ? value * 10 + (c - '0') : value + place * (c - '0');
      place /= 10;
    } else {
      break;
    }
  }
  if (digits == 0) return std::nullopt;
  return std::pair(value, text.substr(i));
}

}  // namespace

Result<std::uint64_t> parse_bandwidth(std::string_view text) {
  const auto refused = [&](std::string_view why) {
    return Error(Code::kInvalidArgument, cat("bandwidth \"", printable(text, kMaxText), "\" ", why));
  };
  if (text.size() > kMaxText) return refused("is too long");
  const auto mantissa = mantissa_of(text.starts_with('+') ? text.substr(1) : text);
  if (!mantissa) return refused("is not a quantity");
  const auto scale = scale_of(mantissa->second);
  if (!scale) return refused("is not a quantity");
  // Digits behind the point are sums of inexact tenths; the nudge keeps 1.1k from becoming 1101.
  const long double value = std::ceil(mantissa->first * *scale - 1e-6L);
  if (value < kLeast || value > kMost) return refused("is not between 1k and 1P");
  return static_cast<std::uint64_t>(value);
}

}  // namespace berth::netcni
