// SPDX-License-Identifier: Apache-2.0
#include "image/unpack_report.hpp"

#include <cstdint>

#include "base/json.hpp"

namespace berth::image {
namespace {

Error unreadable() {
  return {Code::kInternal, "the layer worker's report is unreadable"};
}

Result<std::uint64_t> number(const Json& report, const char* key) {
  const auto found = report.find(key);
  if (found == report.end() || !found->is_number_unsigned()) return unreadable();
  return found->get<std::uint64_t>();
}

}  // namespace

std::string format_unpack_report(const Result<LayerSink::Applied>& outcome) {
  Json report;
  if (outcome) {
    report = {{"diff_id", outcome->diff_id.text()}, {"size", outcome->size}, {"inodes", outcome->inodes}};
  } else {
    report = {{"code", static_cast<std::uint64_t>(outcome.error().code())},
              {"error", outcome.error().to_string()}};
  }
  return to_text(report) + "\n";
}

Result<LayerSink::Applied> parse_unpack_report(std::string_view line) {
  ASSIGN_OR_RETURN(const Json report, parse_json(line, kMaxUnpackReport, "the layer worker's report"));
  if (!report.is_object()) return unreadable();
  if (report.contains("error")) {
    ASSIGN_OR_RETURN(std::string text, json_string(report, "error", "the layer worker's report"));
    ASSIGN_OR_RETURN(const std::uint64_t code, number(report, "code"));
    if (code > static_cast<std::uint64_t>(Code::kInternal)) return unreadable();
    return Error(static_cast<Code>(code), std::move(text));
  }
  ASSIGN_OR_RETURN(const std::string text, json_string(report, "diff_id", "the layer worker's report"));
  ASSIGN_OR_RETURN(Digest diff_id, Digest::parse(text));
  ASSIGN_OR_RETURN(const std::uint64_t size, number(report, "size"));
  ASSIGN_OR_RETURN(const std::uint64_t inodes, number(report, "inodes"));
  return LayerSink::Applied{std::move(diff_id), size, inodes};
}

}  // namespace berth::image
