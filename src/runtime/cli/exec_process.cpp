// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/exec_process.hpp"

#include <algorithm>
#include <charconv>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::runtime::cli {
namespace {

constexpr std::size_t kMaxProcess = 8U << 20;

Result<std::uint32_t> parse_id(std::string_view text, std::string_view whole) {
  std::uint32_t id = 0;
  const auto [stopped, failed] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (failed == std::errc() && stopped == text.data() + text.size() && !text.empty()) return id;
  return Error(Code::kInvalidArgument, cat("\"", whole, "\" is no user: UID or UID:GID, in numbers"));
}

/// A later "K=" replaces an earlier one, as it would in a shell.
void set_variable(std::vector<std::string>& environment, const std::string& entry) {
  const std::string name = entry.substr(0, entry.find('=') + 1);
  std::erase_if(environment,
                [&](const std::string& other) { return !name.empty() && other.starts_with(name); });
  environment.push_back(entry);
}

void add_capability(oci::Process& process, const std::string& name) {
  if (!process.capabilities) process.capabilities.emplace();
  for (auto* set : {&process.capabilities->bounding, &process.capabilities->effective,
                    &process.capabilities->permitted}) {
    if (std::find(set->begin(), set->end(), name) == set->end()) set->push_back(name);
  }
}

Result<oci::Process> from_flags(const Arguments& line, const oci::Process& container) {
  oci::Process process = container;
  if (line.words.size() < 2) return Error(Code::kInvalidArgument, "exec needs a command, or --process");
  process.args.assign(line.words.begin() + 1, line.words.end());
  process.terminal = line.has("tty");
  process.console_size.reset();
  if (line.has("user")) {
    process.user.additional_gids.clear();
    RETURN_IF_ERROR(parse_user(line.text("user"), process.user));
    std::erase_if(process.env, [](const std::string& entry) { return entry.starts_with("HOME="); });
  }
  for (const std::string& text : line.all("additional-gids")) {
    ASSIGN_OR_RETURN(const std::uint32_t gid, parse_id(text, text));
    process.user.additional_gids.push_back(gid);
  }
  for (const std::string& entry : line.all("env")) set_variable(process.env, entry);
  process.cwd = line.text("cwd", process.cwd);
  for (const std::string& name : line.all("cap")) add_capability(process, name);
  if (line.has("no-new-privs")) process.no_new_privileges = true;
  return process;
}

Result<oci::Process> from_file(const Arguments& line, const oci::Process& container) {
  const std::string path = line.text("process");
  ASSIGN_OR_RETURN(const std::string text, read_file(path, kMaxProcess));
  ASSIGN_OR_RETURN(oci::Process process, oci::parse_process(text).context(path));
  if (line.has("tty")) process.terminal = true;
  if (!process.capabilities) process.capabilities = container.capabilities;
  if (!process.oom_score_adj) process.oom_score_adj = container.oom_score_adj;
  if (process.apparmor_profile.empty()) process.apparmor_profile = container.apparmor_profile;
  if (process.selinux_label.empty()) process.selinux_label = container.selinux_label;
  return process;
}

}  // namespace

Result<void> parse_user(const std::string& text, oci::User& user) {
  const std::size_t colon = text.find(':');
  ASSIGN_OR_RETURN(user.uid, parse_id(std::string_view(text).substr(0, colon), text));
  if (colon == std::string::npos) {
    user.gid = 0;
    return {};
  }
  ASSIGN_OR_RETURN(user.gid, parse_id(std::string_view(text).substr(colon + 1), text));
  return {};
}

Result<oci::Process> exec_process(const Arguments& line, const oci::Process& container) {
  auto process = line.has("process") ? from_file(line, container) : from_flags(line, container);
  if (!process) return process;
  process->create_cwd = false;
  process->no_new_privileges = process->no_new_privileges || container.no_new_privileges;
  // An exec has no ambient set of its own; without it nothing is inheritable either.
  if (process->capabilities) {
    process->capabilities->inheritable.clear();
    if (!line.has("process")) process->capabilities->ambient.clear();
  }
  return process;
}

}  // namespace berth::runtime::cli
