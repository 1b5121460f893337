// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cgroup/stats.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kEventsOptions[] = {
    {"stats", '\0', "", "Print the counters once"},
    {"interval", '\0', "TIME", "Between two prints: 500ms, 5s, 1m [5s]"},
};
constexpr std::chrono::milliseconds kLook{200};

void put_counter(Json& object, const char* key, const std::optional<std::uint64_t>& value) {
  if (value) object[key] = *value;
}

Json stats_json(const std::string& id, const cgroup::Stats& stats) {
  Json memory = Json::object();
  put_counter(memory["usage"], "usage", stats.memory_usage);
  put_counter(memory["usage"], "limit", stats.memory_limit);
  put_counter(memory["swap"], "usage", stats.swap_usage);
  put_counter(memory["raw"], "rss", stats.memory_rss);
  put_counter(memory["raw"], "working_set", stats.memory_working_set);
  put_counter(memory["raw"], "pgfault", stats.page_faults);
  put_counter(memory["raw"], "pgmajfault", stats.major_page_faults);
  Json pids = Json::object();
  put_counter(pids, "current", stats.pids);
  return Json{
      {"type", "stats"},
      {"id", id},
      {"data", {{"cpu", {{"usage", {{"total", stats.cpu_usage_ns}}}}}, {"memory", memory}, {"pids", pids}}}};
}

Result<void> print_stats(Container& container, cgroup::Manager& cgroups) {
  ASSIGN_OR_RETURN(const cgroup::Stats stats, cgroups.stats(container.record().cgroup));
  return print(to_text(stats_json(container.id(), stats)) + "\n");
}

Result<std::chrono::milliseconds> interval_of(const Arguments& line) {
  const std::string text = line.text("interval", "5s");
  std::int64_t number = 0;
  const auto [unit, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view word(unit, static_cast<std::size_t>(text.data() + text.size() - unit));
  const std::int64_t factor = word == "ms" ? 1 : word == "s" || word.empty() ? 1000 : word == "m" ? 60000 : 0;
  constexpr std::int64_t kLongest = 1000000;
  if (failed == std::errc() && factor != 0 && number > 0 && number < kLongest)
    return std::chrono::milliseconds(number * factor);
  return Error(Code::kInvalidArgument, cat("--interval is a time like 500ms, 5s or 1m, not \"", text, "\""));
}

std::uint64_t oom_kills(cgroup::Manager& cgroups, const std::string& group) {
  const auto counter = cgroups.open_oom_counter(group);
  if (!counter) return 0;
  const auto text = read_fd(counter->get(), 4096, "the OOM counter");
  return text ? cgroup::find_key(*text, "oom_kill").value_or(0) : 0;
}

/// Until the container's process has ended.
Result<void> follow(Container& container, cgroup::Manager& cgroups, std::chrono::milliseconds interval) {
  ASSIGN_OR_RETURN(const UniqueFd process, container.process());
  std::uint64_t kills = oom_kills(cgroups, container.record().cgroup);
  auto due = std::chrono::steady_clock::now();
  for (;;) {
    if (std::chrono::steady_clock::now() >= due) {
      RETURN_IF_ERROR(print_stats(container, cgroups));
      due += interval;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - std::chrono::steady_clock::now());
    pollfd ended{process.get(), POLLIN, 0};
    const auto pause = std::clamp(left, std::chrono::milliseconds(1), kLook);
    const bool over = ::poll(&ended, 1, static_cast<int>(pause.count())) > 0;
    const std::uint64_t now = oom_kills(cgroups, container.record().cgroup);
    if (now > kills) RETURN_IF_ERROR(print(to_text(Json{{"type", "oom"}, {"id", container.id()}}) + "\n"));
    kills = std::max(now, kills);
    if (over) return {};
  }
}

Result<int> run_events(const Context& context) {
  ASSIGN_OR_RETURN(const auto interval, interval_of(context.arguments));
  ASSIGN_OR_RETURN(Container container, Container::open(context, context.arguments.words.front()));
  if (container.status() == Status::kStopped)
    return Error(Code::kFailedPrecondition, cat("container ", container.id(), " is stopped"));
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
  if (context.arguments.has("stats")) {
    RETURN_IF_ERROR(print_stats(container, *cgroups));
  } else {
    RETURN_IF_ERROR(follow(container, *cgroups, interval));
  }
  return 0;
}

}  // namespace

const Verb kEvents = {"events", "CONTAINER", "Counters and OOM kills as lines of JSON", kEventsOptions, 1, 1,
                      false,    run_events};

}  // namespace berth::runtime::cli
