// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/subprocess.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/listing.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kPsOptions[] = {{"format", 'f', "FORMAT", "table or json [table]"}};
constexpr std::size_t kMaxPsOutput = 16U << 20;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t start = std::min(line.find_first_not_of(" \t"), line.size());
    line.remove_prefix(start);
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    if (end > 0) words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

/// The lines of ps whose PID is one of ours, and the heading.
Result<std::string> filter(std::string_view output, const std::set<int>& pids) {
  std::string kept;
  std::size_t column = 0;
  bool heading = true;
  while (!output.empty()) {
    const std::string_view line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    const auto words = words_of(line);
    int pid = 0;
    if (heading) {
      const auto found = std::find(words.begin(), words.end(), "PID");
      if (found == words.end())
        return Error(Code::kInvalidArgument, "ps prints no column PID with these flags");
      column = static_cast<std::size_t>(found - words.begin());
    } else if (column < words.size()) {
      std::from_chars(words[column].data(), words[column].data() + words[column].size(), pid);
    }
    if (heading || pids.contains(pid)) kept += cat(line, "\n");
    heading = false;
  }
  return kept;
}

Result<std::string> call_ps(const std::vector<std::string>& flags) {
  SpawnRequest request;
  for (const char* path : {"/usr/bin/ps", "/bin/ps"}) {
    if (request.program.empty() && exists(path)) request.program = path;
  }
  if (request.program.empty())
    return Error(Code::kFailedPrecondition, "there is no program ps here; --format json does without");
  request.argv = {"ps"};
  request.argv.insert(request.argv.end(), flags.begin(), flags.end());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  ASSIGN_OR_RETURN(const Completed done, run_to_end(std::move(request), "", kMaxPsOutput, deadline));
  if (done.wait_status == 0) return done.out;
  return Error(Code::kInternal, cat("ps: ", describe_wait_status(done.wait_status), ": ", done.err));
}

Result<int> run_ps(const Context& context) {
  ASSIGN_OR_RETURN(const bool json, wants_json(context.arguments));
  const auto& words = context.arguments.words;
  ASSIGN_OR_RETURN(Container container, Container::open(context, words.front()));
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
  const std::vector<int> pids = cgroups->processes(container.record().cgroup);
  if (json) {
    RETURN_IF_ERROR(print(to_text(Json(pids)) + "\n"));
    return 0;
  }
  std::vector<std::string> flags(words.begin() + 1, words.end());
  if (flags.empty()) flags = {"-ef"};
  ASSIGN_OR_RETURN(const std::string output, call_ps(flags));
  ASSIGN_OR_RETURN(const std::string kept, filter(output, {pids.begin(), pids.end()}));
  RETURN_IF_ERROR(print(kept));
  return 0;
}

}  // namespace

const Verb kPs = {"ps",  "CONTAINER [PS-FLAG]...", "The container's processes", kPsOptions, 1, 64, true,
                  run_ps};

}  // namespace berth::runtime::cli
