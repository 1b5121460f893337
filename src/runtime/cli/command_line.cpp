// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "runtime/cli/report.hpp"
#include "runtime/cli/verb.hpp"
#include "runtime/kernel_calls.hpp"
#include "runtime/namespaces_own.hpp"

#ifndef BERTH_VERSION
#define BERTH_VERSION "unknown"
#endif

namespace berth::runtime::cli {
namespace {

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string flags_help(std::span<const Option> options) {
  std::string out;
  for (const Option& option : options) {
    const std::string letter = option.letter == '\0' ? "    " : cat("-", option.letter, ", ");
    const std::string name =
        cat("  ", letter, "--", option.name, option.value.empty() ? "" : " ", option.value);
    out.append(cat(padded(name, 34), " ", option.help, "\n"));
  }
  return out;
}

std::string general_help() {
  std::string out = "usage: berth-oci [FLAG]... VERB [FLAG]... [ARGUMENT]...\n\n";
  for (const Verb* verb : verbs())
    out.append(cat("  ", padded(std::string(verb->name), 12), verb->summary, "\n"));
  return cat(out, "\n", flags_help(global_options()));
}

std::string verb_help(const Verb& verb) {
  return cat("usage: berth-oci ", verb.name, verb.options.empty() ? "" : " [FLAG]...",
             verb.words.empty() ? "" : " ", verb.words, "\n", verb.summary, "\n\n", flags_help(verb.options));
}

/// What this process is cannot be chosen: a word that says something else is refused.
Result<bool> read_rootless(const std::string& word) {
  if (word != "auto" && word != "true" && word != "false")
    return Error(Code::kInvalidArgument, cat("--rootless is auto, true or false, not \"", word, "\""));
  const bool rootless = ::geteuid() != 0 || is_in_user_namespace();
  if (word == "auto" || (word == "true") == rootless) return rootless;
  return Error(Code::kFailedPrecondition,
               cat("--rootless ", word, ": this process is ", rootless ? "not " : "", "root of the machine"));
}

/// Where somebody who is not root may keep something until he logs out.
std::string default_root(bool rootless, char** environment) {
  const std::string_view own = rootless ? variable(environment, "XDG_RUNTIME_DIR") : std::string_view();
  return own.empty() ? "/run/berth-oci" : cat(own, "/berth-oci");
}

Result<Globals> read_globals(const Arguments& line, char** environment) {
  Globals globals;
  ASSIGN_OR_RETURN(globals.rootless, read_rootless(line.text("rootless", "auto")));
  globals.root = line.text("root", default_root(globals.rootless, environment));
  if (globals.root.empty() || globals.root.front() != '/') {
    return Error(Code::kInvalidArgument, cat("--root is an absolute path, not \"", globals.root, "\""));
  }
  globals.log = line.text("log");
  const std::string format = line.text("log-format", "text");
  if (format != "text" && format != "json")
    return Error(Code::kInvalidArgument, cat("--log-format is text or json, not \"", format, "\""));
  globals.log_json = format == "json";
  globals.debug = line.has("debug");
  const std::string manager = line.text("cgroup-manager", "cgroupfs");
  if (manager != "cgroupfs" && manager != "systemd") {
    return Error(Code::kInvalidArgument,
                 cat("--cgroup-manager is cgroupfs or systemd, not \"", manager, "\""));
  }
  globals.systemd_cgroup = line.has("systemd-cgroup") || manager == "systemd";
  const std::string level = line.text("log-level", globals.debug ? "debug" : "warn");
  ASSIGN_OR_RETURN(const log::Level parsed, log::parse_level(level == "warning" ? "warn" : level));
  log::configure(parsed, log::Format::kText);
  return globals;
}

Result<void> check_words(const Verb& verb, std::size_t count) {
  if (count >= verb.least_words && count <= verb.most_words) return {};
  return Error(Code::kInvalidArgument,
               cat("usage: berth-oci ", verb.name, verb.options.empty() ? "" : " [FLAG]...",
                   verb.words.empty() ? "" : " ", verb.words));
}

bool wants_help(const Verb& verb, std::span<const std::string> rest) {
  if (rest.empty() || verb.takes_command) return !rest.empty() && (rest[0] == "--help" || rest[0] == "-h");
  for (const std::string& word : rest) {
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

int run_verb(const Verb& verb, Context& context, std::span<const std::string> rest) {
  if (wants_help(verb, rest)) return print(verb_help(verb)) ? 0 : 1;
  auto parsed = Arguments::parse(rest, verb.options, verb.takes_command);
  Result<int> status = Error(Code::kInternal, "");
  if (!parsed) {
    status = std::move(parsed).error();
  } else if (auto words = check_words(verb, parsed->words.size()); !words) {
    status = std::move(words).error();
  } else {
    context.arguments = *std::move(parsed);
    auto able = verb.words.starts_with("CONTAINER") ? check_needed_calls() : Result<void>();
    status = able ? verb.run(context) : Result<int>(std::move(able).error());
  }
  if (status) return *status;
  report(context.globals, std::move(status).error());
  return verb.failure_status;
}

std::string version() {
  return cat("berth-oci version ", BERTH_VERSION, "\nspec: ", kSpecVersion, "\n");
}

}  // namespace

Result<void> print(std::string_view text) {
  return write_fd(STDOUT_FILENO, text, "standard output");
}

int run_command_line(std::span<const std::string> line, char** environment) {
  Context context;
  context.environment = environment;
  const auto fail = [&](const Error& error) {
    report(context.globals, error);
    return 1;
  };
  auto before = Arguments::parse(line, global_options(), true);
  if (!before) return fail(before.error());
  if (before->has("version")) return print(version()) ? 0 : 1;
  const bool asked = before->has("help") || (!before->words.empty() && before->words[0] == "help");
  if (asked || before->words.empty()) return print(general_help()) && asked ? 0 : 1;
  auto globals = read_globals(*before, environment);
  if (!globals) return fail(globals.error());
  context.globals = *std::move(globals);
  const Verb* verb = find_verb(before->words[0]);
  if (verb == nullptr)
    return fail(Error(Code::kInvalidArgument, cat("there is no verb ", before->words[0], "; try --help")));
  return run_verb(*verb, context, std::span(before->words).subspan(1));
}

}  // namespace berth::runtime::cli
