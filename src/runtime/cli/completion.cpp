// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/completion.hpp"

#include "base/cat.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

std::string flags_of(std::span<const Option> options) {
  std::string out;
  for (const Option& option : options) out += cat(out.empty() ? "" : " ", "--", option.name);
  return out;
}

std::string verb_names(std::string_view separator) {
  std::string out;
  for (const Verb* verb : verbs()) out += cat(out.empty() ? "" : separator, verb->name);
  return out;
}

/// A case for each verb; without a verb so far, the verbs themselves.
std::string cases(std::string_view open, std::string_view variable) {
  std::string out =
      cat("    ", open, "'') ", variable, "='", verb_names(" "), " ", flags_of(global_options()), "' ;;\n");
  for (const Verb* verb : verbs()) {
    out += cat("    ", open, verb->name, ") ", variable, "='", flags_of(verb->options),
               " '\"$containers\" ;;\n");
  }
  return out;
}

constexpr std::string_view kContainers = "$(berth-oci list --quiet 2>/dev/null)";

std::string bash() {
  return cat(
      "# bash completion for berth-oci; written by `berth-oci completion bash`.\n"
      "_berth_oci() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} verb= words= word containers=\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case $word in ",
      verb_names("|"),
      ") verb=$word; break ;; esac\n"
      "  done\n"
      "  [[ -z $verb || $current == -* ]] || containers=",
      kContainers,
      "\n"
      "  case $verb in\n",
      cases("", "words"),
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n"
      "complete -o default -F _berth_oci berth-oci\n");
}

std::string zsh() {
  return cat(
      "#compdef berth-oci\n"
      "# zsh completion for berth-oci; written by `berth-oci completion zsh`.\n"
      "_berth_oci() {\n"
      "  local verb= words_= word containers=\n"
      "  for word in ${words[2,CURRENT-1]}; do\n"
      "    case $word in (",
      verb_names("|"),
      ") verb=$word; break ;; esac\n"
      "  done\n"
      "  [[ -z $verb || ${words[CURRENT]} == -* ]] || containers=",
      kContainers,
      "\n"
      "  case $verb in\n",
      cases("(", "words_"),
      "  esac\n"
      "  compadd -- ${=words_}\n"
      "  [[ ${words[CURRENT]} == -* ]] || _files\n"
      "}\n"
      "_berth_oci \"$@\"\n");
}

std::string fish_quote(std::string_view text) {
  std::string out = "'";
  for (const char letter : text) {
    if (letter == '\'' || letter == '\\') out += '\\';
    out += letter;
  }
  return out + "'";
}

std::string fish_flags(std::string_view condition, std::span<const Option> options) {
  std::string out;
  for (const Option& option : options) {
    out += cat("complete -c berth-oci -n '", condition, "' -l ", option.name, " -d ", fish_quote(option.help),
               option.value.empty() ? "" : " -r", "\n");
  }
  return out;
}

std::string fish() {
  std::string out = "# fish completion for berth-oci; written by `berth-oci completion fish`.\n";
  out += fish_flags("__fish_use_subcommand", global_options());
  for (const Verb* verb : verbs()) {
    const std::string condition = cat("__fish_seen_subcommand_from ", verb->name);
    out += cat("complete -c berth-oci -n '__fish_use_subcommand' -a ", verb->name, " -d ",
               fish_quote(verb->summary), "\n");
    out += fish_flags(condition, verb->options);
    if (verb->words.starts_with("CONTAINER"))
      out += cat("complete -c berth-oci -n '", condition, "' -a '(berth-oci list --quiet 2>/dev/null)'\n");
  }
  return out;
}

Result<int> run_completion(const Context& context) {
  ASSIGN_OR_RETURN(const std::string script, completion(context.arguments.words.front()));
  RETURN_IF_ERROR(print(script));
  return 0;
}

}  // namespace

Result<std::string> completion(std::string_view shell) {
  if (shell == "bash") return bash();
  if (shell == "zsh") return zsh();
  if (shell == "fish") return fish();
  return Error(Code::kInvalidArgument, cat("completion for bash, zsh or fish, not for \"", shell, "\""));
}

const Verb kCompletion = {"completion", "bash|zsh|fish", "Print a completion script", {}, 1, 1,
                          false,        run_completion};

}  // namespace berth::runtime::cli
