// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.hpp"

#include <array>
#include <cstdio>
#include <map>
#include <utility>

#include "base/cat.hpp"
#include "base/guarded.hpp"

namespace berth::metrics {
namespace {

struct Latency {
  std::uint64_t count = 0;
  std::chrono::nanoseconds sum{0};
};

using Series = std::pair<std::string, std::string>;  // name, label
template <class Value>
using Table = Guarded<std::map<Series, Value>>;

// Never destroyed, because threads may still count while the process exits.
Table<std::uint64_t>& counters() {
  static auto* const table = new Table<std::uint64_t>;
  return *table;
}
Table<Latency>& latencies() {
  static auto* const table = new Table<Latency>;
  return *table;
}

// Labels may come from outside; past this many series all new ones share the label "other".
constexpr std::size_t kMaxSeries = 4096;

template <class Value>
Value& slot(std::map<Series, Value>& table, Series series) {
  if (const auto found = table.find(series); found != table.end()) return found->second;
  if (table.size() >= kMaxSeries) series.second = "other";
  return table[std::move(series)];
}

// Metric names are [a-zA-Z_:][a-zA-Z0-9_:]*; the prefix takes care of the first character.
std::string sanitize(std::string_view name, std::string_view suffix) {
  std::string clean = name.starts_with("berth_") ? "" : "berth_";
  for (const char c : name) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
    clean.push_back(allowed ? c : '_');
  }
  if (!clean.ends_with(suffix)) clean.append(suffix);
  return clean;
}

std::string label_text(std::string_view label) {
  if (label.empty()) return "";
  std::string text = "{label=\"";
  for (const char c : label) {
    if (c == '\\' || c == '"') text.push_back('\\');
    if (c == '\n') {
      text.append("\\n");
    } else {
      text.push_back(c);
    }
  }
  return text.append("\"}");
}

void append_type(std::string& out, std::string& previous, const std::string& name, std::string_view type) {
  if (name != previous) out.append(cat("# TYPE ", name, " ", type, "\n"));
  previous = name;
}

std::string seconds_text(std::chrono::nanoseconds sum) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.9f", std::chrono::duration<double>(sum).count());
  return text.data();
}

}  // namespace

void count(std::string_view name, std::string_view label, std::uint64_t amount) {
  Series series(sanitize(name, "_total"), label);
  slot(*counters().lock(), std::move(series)) += amount;
}

void observe(std::string_view name, std::string_view label, std::chrono::nanoseconds duration) {
  Series series(sanitize(name, "_seconds"), label);
  auto table = latencies().lock();
  Latency& latency = slot(*table, std::move(series));
  ++latency.count;
  latency.sum += duration;
}

std::string expose() {
  const std::map<Series, std::uint64_t> counted = *counters().lock();
  const std::map<Series, Latency> observed = *latencies().lock();
  std::string out;
  std::string previous;
  for (const auto& [series, value] : counted) {
    append_type(out, previous, series.first, "counter");
    out.append(cat(series.first, label_text(series.second), " ", value, "\n"));
  }
  for (const auto& [series, latency] : observed) {
    append_type(out, previous, series.first, "summary");
    out.append(cat(series.first, "_sum", label_text(series.second), " ", seconds_text(latency.sum), "\n"));
    out.append(cat(series.first, "_count", label_text(series.second), " ", latency.count, "\n"));
  }
  return out;
}

}  // namespace berth::metrics
