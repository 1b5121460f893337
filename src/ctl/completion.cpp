// SPDX-License-Identifier: Apache-2.0
#include "ctl/completion.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/cat.hpp"
#include "ctl/cli.hpp"
#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

std::vector<const CLI::App*> subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<const CLI::Option*> flags(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return !option->get_lnames().empty(); });
}

std::string spaced(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += cat(out.empty() ? "" : " ", word);
  return out;
}

/// Every verb with the words that may follow it: its own verbs and flags.
struct Level {
  std::string path;  ///< "image", "image import"; empty for berthctl itself
  const CLI::App* app;
};

void collect(const CLI::App& app, const std::string& path, std::vector<Level>& into) {
  into.push_back({path, &app});
  for (const auto* sub : subcommands(app))
    collect(*sub, path.empty() ? sub->get_name() : cat(path, " ", sub->get_name()), into);
}

std::vector<Level> levels(const CLI::App& cli) {
  std::vector<Level> all;
  collect(cli, "", all);
  return all;
}

std::string words_of(const CLI::App& app) {
  std::vector<std::string> words;
  for (const auto* sub : subcommands(app)) words.push_back(sub->get_name());
  for (const auto* flag : flags(app)) words.push_back(cat("--", flag->get_lnames().front()));
  return spaced(words);
}

/// A case for each level; `$path` is the verbs before the cursor. Without words of ours: files.
std::string shell_cases(const CLI::App& cli) {
  std::string out;
  for (const auto& level : levels(cli))
    out += cat("    '", level.path, "') words='", words_of(*level.app), "' ;;\n");
  return out;
}

std::string verb_pattern(const CLI::App& cli) {
  std::string out;
  for (const auto& level : levels(cli)) {
    if (!level.path.empty()) out += cat(out.empty() ? "" : "|", "'", level.path, "'");
  }
  return out;
}

std::string bash(const CLI::App& cli) {
  return cat(
      "# bash completion for berthctl; written by `berthctl completion bash`.\n"
      "_berthctl() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} path= words= word next\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    next=${path:+$path }$word\n"
      "    case $next in ",
      verb_pattern(cli),
      ") path=$next ;; esac\n"
      "  done\n"
      "  case $path in\n",
      shell_cases(cli),
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n"
      "complete -o default -F _berthctl berthctl\n");
}

std::string zsh(const CLI::App& cli) {
  return cat(
      "#compdef berthctl\n"
      "# zsh completion for berthctl; written by `berthctl completion zsh`.\n"
      "_berthctl() {\n"
      "  local path_= words_= word next\n"
      "  for word in ${words[2,CURRENT-1]}; do\n"
      "    next=${path_:+$path_ }$word\n"
      "    case $next in (",
      verb_pattern(cli),
      ") path_=$next ;; esac\n"
      "  done\n"

      "  case $path_ in\n",
      [&] {
        std::string out;
        for (const auto& level : levels(cli)) {
          out += cat("    ('", level.path, "') words_='", words_of(*level.app), "' ;;\n");
        }
        return out;
      }(),
      "  esac\n"
      "  compadd -- ${=words_}\n"
      "  [[ ${words[CURRENT]} == -* ]] || _files\n"
      "}\n"
      "_berthctl \"$@\"\n");
}

std::string fish_quote(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return cat(out, "'");
}

std::string fish(const CLI::App& cli) {
  std::string out = "# fish completion for berthctl; written by `berthctl completion fish`.\n";
  for (const auto& level : levels(cli)) {
    std::string condition = "__fish_use_subcommand";
    if (const std::size_t space = level.path.find(' '); space != std::string::npos) {
      condition = cat("__fish_seen_subcommand_from ", level.path.substr(0, space),
                      "; and __fish_seen_subcommand_from ", level.path.substr(space + 1));
    } else if (!level.path.empty()) {
      condition = cat("__fish_seen_subcommand_from ", level.path);
    }
    for (const auto* sub : subcommands(*level.app)) {
      out += cat("complete -c berthctl -n '", condition, "' -a ", sub->get_name(), " -d ",
                 fish_quote(sub->get_description()), "\n");
    }
    for (const auto* flag : flags(*level.app)) {
      out += cat("complete -c berthctl -n '", condition, "' -l ", flag->get_lnames().front(), " -d ",
                 fish_quote(flag->get_description()), flag->get_items_expected_max() > 0 ? " -r" : "", "\n");
    }
  }
  return out;
}

Result<int> print_completion(const std::string& shell) {
  CLI::App cli;
  Context unused;
  build_cli(cli, unused);
  std::cout << completion(cli, shell);
  return 0;
}

}  // namespace

std::string completion(const CLI::App& cli, const std::string& shell) {
  if (shell == "bash") return bash(cli);
  return shell == "zsh" ? zsh(cli) : fish(cli);
}

void add_completion(Verb cli) {
  auto shell = std::make_shared<std::string>();
  cli.add("completion", "Print a completion script")
      .argument("SHELL", *shell, {"bash", "zsh", "fish"}, "bash, zsh or fish")
      .footer("Example:\n  berthctl completion bash > /etc/bash_completion.d/berthctl")
      .runs([shell](const Context&) { return print_completion(*shell); });
}

}  // namespace berth::ctl
