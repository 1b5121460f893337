// SPDX-License-Identifier: Apache-2.0
#include "image/registry/registries_conf.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/registry/toml_table.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxConfFile = 1U << 20;
constexpr std::size_t kMaxRules = 10'000;

std::string trimmed(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

// A location becomes part of a URL, so only what a reference could hold may be in it.
Result<void> check_location(std::string_view location, const std::string& subject) {
  const bool has_scheme = location.find("://") != std::string_view::npos;
  if (!has_scheme && (parse_reference(cat(location, "/x")) || parse_reference(location))) return {};
  return Error(Code::kInvalidArgument,
               cat(subject, ": \"", location.substr(0, 200), "\" is not host[:port][/path]"));
}

Result<MirrorUse> parse_use(const std::string& text, bool rule_digest_only, const std::string& subject) {
  if (rule_digest_only && !text.empty()) {
    return Error(Code::kInvalidArgument,
                 cat(subject, ": pull-from-mirror and mirror-by-digest-only exclude each other"));
  }
  if (text.empty()) return rule_digest_only ? MirrorUse::kDigestOnly : MirrorUse::kAll;
  if (text == "all") return MirrorUse::kAll;
  if (text == "digest-only") return MirrorUse::kDigestOnly;
  if (text == "tag-only") return MirrorUse::kTagOnly;
  return Error(Code::kInvalidArgument,
               cat(subject, ": pull-from-mirror = \"", text, "\" is none of all, digest-only, tag-only"));
}

Result<RegistriesConf::Mirror> parse_mirror(const toml::table& table, bool rule_digest_only,
                                            const std::string& subject) {
  TomlTable reader(table, subject);
  RegistriesConf::Mirror mirror;
  mirror.location = trimmed(reader.text("location"));
  mirror.insecure = reader.flag("insecure");
  const std::string use = reader.text("pull-from-mirror");
  RETURN_IF_ERROR(reader.check());
  RETURN_IF_ERROR(check_location(mirror.location, subject + ": mirror location"));
  ASSIGN_OR_RETURN(mirror.use, parse_use(use, rule_digest_only, subject));
  return mirror;
}

Result<RegistriesConf::Rule> parse_rule(const toml::table& table, const std::string& subject) {
  TomlTable reader(table, subject);
  RegistriesConf::Rule rule;
  rule.prefix = trimmed(reader.text("prefix"));
  rule.location = trimmed(reader.text("location"));
  rule.insecure = reader.flag("insecure");
  rule.blocked = reader.flag("blocked");
  const bool digest_only = reader.flag("mirror-by-digest-only");
  const auto mirrors = reader.tables("mirror");
  RETURN_IF_ERROR(reader.check());
  if (rule.prefix.empty()) rule.prefix = rule.location;
  const bool wildcard = rule.prefix.starts_with("*.");
  RETURN_IF_ERROR(check_location(rule.prefix.substr(wildcard ? 2 : 0), subject + ": registry prefix"));
  if (!rule.location.empty()) RETURN_IF_ERROR(check_location(rule.location, subject + ": registry location"));
  for (const toml::table* entry : mirrors) {
    ASSIGN_OR_RETURN(auto mirror, parse_mirror(*entry, digest_only, subject));
    rule.mirrors.push_back(std::move(mirror));
  }
  return rule;
}

// "name" = "host/path": a name without a host, and where it is to be found. An empty value erases.
Result<std::map<std::string, std::string>> parse_aliases(const toml::table* table,
                                                         const std::string& subject) {
  std::map<std::string, std::string> aliases;
  if (table == nullptr) return aliases;
  for (const auto& [key, node] : *table) {
    const std::string name(key.str());
    const auto* value = node.as_string();
    const auto reference = parse_reference(name);
    const bool plain =
        reference && !reference->has_host && !reference->digest && name.find(':') == std::string::npos;
    if (!plain || value == nullptr) {
      return Error(Code::kInvalidArgument, cat(subject, " line ", node.source().begin.line, ": the alias \"",
                                               name.substr(0, 200), "\" is not a short name for a string"));
    }
    const std::string& target = value->get();
    const auto meant = parse_reference(target);
    const bool full = meant && meant->has_host && meant->name() == target;
    if (!full && !target.empty()) {
      return Error(Code::kInvalidArgument, cat(subject, " line ", node.source().begin.line, ": the alias \"",
                                               name, "\" stands for \"", target.substr(0, 200),
                                               "\", which is not host/path without a tag"));
    }
    aliases[name] = target;
  }
  return aliases;
}

Result<std::optional<ShortNameMode>> parse_mode(const std::string& text, const std::string& subject) {
  if (text.empty()) return std::optional<ShortNameMode>();
  if (text == "enforcing") return std::optional(ShortNameMode::kEnforcing);
  if (text == "permissive") return std::optional(ShortNameMode::kPermissive);
  if (text == "disabled") return std::optional(ShortNameMode::kDisabled);
  return Error(Code::kInvalidArgument, cat(subject, ": short-name-mode = \"", text.substr(0, 100),
                                           "\" is none of enforcing, permissive, disabled"));
}

Result<void> read_names(TomlTable& reader, RegistriesConf& conf, const std::string& subject) {
  if (reader.has("unqualified-search-registries"))
    conf.search = reader.texts("unqualified-search-registries");
  if (reader.has("credential-helpers")) conf.credential_helpers = reader.texts("credential-helpers");
  const std::string mode = reader.text("short-name-mode");
  const toml::table* aliases = reader.table("aliases");
  RETURN_IF_ERROR(reader.check());
  ASSIGN_OR_RETURN(conf.short_name_mode, parse_mode(mode, subject));
  ASSIGN_OR_RETURN(conf.aliases, parse_aliases(aliases, subject));
  if (!conf.search) return {};
  for (std::string& host : *conf.search) {
    host = trimmed(host);
    RETURN_IF_ERROR(check_location(host, subject + ": unqualified-search-registries"));
  }
  return {};
}

Result<RegistriesConf> read_document(const toml::table& document, const std::string& subject) {
  if (const toml::node* old = document.get("registries"); old != nullptr && old->is_table()) {
    return Error(Code::kInvalidArgument,
                 cat(subject, " line ", old->source().begin.line,
                     ": [registries] is the old format: use [[registry]] (registries.conf version 2)"));
  }
  TomlTable reader(document, subject);
  RegistriesConf conf;
  const auto tables = reader.tables("registry");
  RETURN_IF_ERROR(reader.check());
  RETURN_IF_ERROR(read_names(reader, conf, subject));
  if (tables.size() > kMaxRules)
    return Error(Code::kInvalidArgument, cat(subject, ": more than ", kMaxRules, " registries"));
  for (const toml::table* table : tables) {
    ASSIGN_OR_RETURN(auto rule, parse_rule(*table, subject));
    rule.said_by = subject;
    conf.rules.push_back(std::move(rule));
  }
  return conf;
}

// In the order in which they are merged: what a later one says wins.
Result<std::vector<std::string>> conf_files(const RegistriesConfPaths& paths) {
  std::vector<std::string> files;
  if (exists(paths.file)) files.push_back(paths.file);
  if (!paths.drop_in_dir.empty() && exists(paths.drop_in_dir)) {
    ASSIGN_OR_RETURN(auto names, list_dir(paths.drop_in_dir));
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      if (name.ends_with(".conf")) files.push_back(cat(paths.drop_in_dir, "/", name));
    }
  }
  if (!paths.aliases_file.empty() && exists(paths.aliases_file)) files.push_back(paths.aliases_file);
  return files;
}

}  // namespace

std::size_t matched_length(std::string_view prefix, const Reference& reference) {
  if (prefix.starts_with("*.")) {
    // "*.example.com" covers hosts of any depth below the domain, never the domain itself.
    const std::string_view domain = prefix.substr(1);
    const std::string_view host = reference.host;
    return host.size() > domain.size() && host.ends_with(domain) ? host.size() : 0;
  }
  const std::string name = reference.name();
  for (const std::string& text :
       {cat(name, ":", reference.tag), reference.digest ? cat(name, "@", reference.digest->text()) : name}) {
    if (prefix.empty() || !text.starts_with(prefix)) continue;
    if (text.size() == prefix.size()) return prefix.size();
    const char next = text[prefix.size()];
    // A colon after the host is a port's: "host" does not cover "host:5000".
    if (next == '/' || (prefix.size() == name.size() && (next == ':' || next == '@'))) return prefix.size();
  }
  return 0;
}

const RegistriesConf::Rule* RegistriesConf::find(const Reference& reference) const {
  const Rule* best = nullptr;
  std::size_t longest = 0;
  for (const Rule& rule : rules) {
    if (matched_length(rule.prefix, reference) == 0 || rule.prefix.size() <= longest) continue;
    longest = rule.prefix.size();
    best = &rule;
  }
  return best;
}

void RegistriesConf::merge(RegistriesConf other) {
  if (other.search) search = std::move(other.search);
  if (other.credential_helpers) credential_helpers = std::move(other.credential_helpers);
  if (other.short_name_mode) short_name_mode = other.short_name_mode;
  for (auto& [name, target] : other.aliases) aliases[name] = std::move(target);
  for (Rule& rule : other.rules) {
    const auto same =
        std::find_if(rules.begin(), rules.end(), [&](const Rule& old) { return old.prefix == rule.prefix; });
    if (same != rules.end()) {
      *same = std::move(rule);
    } else {
      rules.push_back(std::move(rule));
    }
  }
}

Result<RegistriesConf> parse_registries_conf(std::string_view text, const std::string& subject) {
  RegistriesConf conf;
  const auto read = [&](const toml::table& document) -> Result<void> {
    ASSIGN_OR_RETURN(conf, read_document(document, subject));
    return {};
  };
  RETURN_IF_ERROR(read_toml(text, subject, read));
  return conf;
}

Result<RegistriesConf> load_registries_conf(const RegistriesConfPaths& paths) {
  RegistriesConf conf;
  ASSIGN_OR_RETURN(const auto files, conf_files(paths));
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(const std::string text, read_file(file, kMaxConfFile));
    ASSIGN_OR_RETURN(auto part, parse_registries_conf(text, file));
    conf.merge(std::move(part));
  }
  return conf;
}

std::string registries_conf_stamp(const RegistriesConfPaths& paths) {
  std::string stamp;
  const auto files = conf_files(paths);
  if (!files) return stamp;
  for (const std::string& file : *files) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) continue;
    stamp += cat(file, ' ', status.st_ino, ' ', status.st_size, ' ', status.st_mtim.tv_sec, ' ',
                 status.st_mtim.tv_nsec, '\n');
  }
  return stamp;
}

}  // namespace berth::image
