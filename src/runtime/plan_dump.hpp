// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/cat.hpp"
#include "runtime/plan_model.hpp"

/// What the files that dump plans share. Internal to src/runtime.
namespace berth::runtime::dump_parts {

/// One line: what, on what, and how.
struct Line {
  std::string verb;
  std::string subject;
  std::string detail = {};
};

/// Arguments and environments are bytes; a dump stays one line per op and printable.
std::string printable(std::string_view text);
std::string describe(const FdRequest& fd);
std::string text_of(const PlannedOp& op);
std::string target_of(const PlannedOp& op);
/// "0 1000 1\n5 6 7\n" as "0:1000:1,5:6:7".
std::string map_words(std::string text);
/// The line of an op that came with a later version of the format.
Line added_line(const PlannedOp& op);

template <class Values>
std::string join(const Values& values, std::string_view separator) {
  std::string out;
  for (const auto& value : values) {
    if (!out.empty()) out.append(separator);
    out.append(cat(value));
  }
  return out.empty() ? "-" : out;
}

}  // namespace berth::runtime::dump_parts
