// SPDX-License-Identifier: Apache-2.0
#include "image/registry/registries_conf.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <utility>

// The one place of this module that includes toml++, which reports by exceptions.
#include <toml++/toml.h>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxFile = 1U << 20;
constexpr std::size_t kMaxRules = 10'000;

/// Reads typed keys of one TOML table; the first wrong type is kept as the problem.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}

  std::string text(const char* key) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return {};
    if (const auto* value = node->as_string()) return value->get();
    problem(*node, key, "a string");
    return {};
  }
  bool flag(const char* key) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return false;
    if (const auto* value = node->as_boolean()) return value->get();
    problem(*node, key, "true or false");
    return false;
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> values;
    const toml::node* node = table_.get(key);
    if (node == nullptr) return values;
    const toml::array* array = node->as_array();
    if (array == nullptr) problem(*node, key, "an array of strings");
    if (array == nullptr) return values;
    for (const toml::node& item : *array) {
      if (const auto* value = item.as_string()) values.push_back(value->get());
      if (!item.is_string()) problem(item, key, "an array of strings");
    }
    return values;
  }
  std::vector<const toml::table*> tables(const char* key) {
    std::vector<const toml::table*> values;
    const toml::node* node = table_.get(key);
    if (node == nullptr) return values;
    const toml::array* array = node->as_array();
    if (array == nullptr) problem(*node, key, "an array of tables");
    if (array == nullptr) return values;
    for (const toml::node& item : *array) {
      if (const auto* table = item.as_table()) values.push_back(table);
      if (!item.is_table()) problem(item, key, "an array of tables");
    }
    return values;
  }
  void problem(const toml::node& node, std::string_view key, std::string_view wanted) {
    if (problem_) return;
    problem_ = Error(Code::kInvalidArgument,
                     cat(where_, " line ", node.source().begin.line, ": ", key, " is not ", wanted));
  }
  Result<void> check() const { return problem_ ? Result<void>(*problem_) : Result<void>(); }

 private:
  const toml::table& table_;
  std::string where_;
  std::optional<Error> problem_;
};

std::string trimmed(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

// A location becomes part of a URL, so only what a reference could hold may be in it.
Result<void> check_location(std::string_view location, const std::string& subject) {
  const std::string_view probe = location.starts_with("*.") ? location.substr(2) : location;
  const bool has_scheme = location.find("://") != std::string_view::npos;
  if (!has_scheme && (parse_reference(cat(probe, "/x")) || parse_reference(probe))) return {};
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
  TableReader reader(table, subject);
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
  TableReader reader(table, subject);
  RegistriesConf::Rule rule;
  rule.prefix = trimmed(reader.text("prefix"));
  rule.location = trimmed(reader.text("location"));
  rule.insecure = reader.flag("insecure");
  rule.blocked = reader.flag("blocked");
  const bool digest_only = reader.flag("mirror-by-digest-only");
  const auto mirrors = reader.tables("mirror");
  RETURN_IF_ERROR(reader.check());
  if (rule.prefix.empty()) rule.prefix = rule.location;
  RETURN_IF_ERROR(check_location(rule.prefix, subject + ": registry prefix"));
  if (!rule.location.empty()) RETURN_IF_ERROR(check_location(rule.location, subject + ": registry location"));
  for (const toml::table* entry : mirrors) {
    ASSIGN_OR_RETURN(auto mirror, parse_mirror(*entry, digest_only, subject));
    rule.mirrors.push_back(std::move(mirror));
  }
  return rule;
}

Result<RegistriesConf> read_document(const toml::table& document, const std::string& subject) {
  if (const toml::node* old = document.get("registries"); old != nullptr && old->is_table()) {
    return Error(Code::kInvalidArgument,
                 cat(subject, " line ", old->source().begin.line,
                     ": [registries] is the old format: use [[registry]] (registries.conf version 2)"));
  }
  TableReader reader(document, subject);
  RegistriesConf conf;
  conf.search = reader.texts("unqualified-search-registries");
  const auto tables = reader.tables("registry");
  RETURN_IF_ERROR(reader.check());
  for (std::string& host : conf.search) {
    host = trimmed(host);
    RETURN_IF_ERROR(check_location(host, subject + ": unqualified-search-registries"));
  }
  if (tables.size() > kMaxRules)
    return Error(Code::kInvalidArgument, cat(subject, ": more than ", kMaxRules, " registries"));
  for (const toml::table* table : tables) {
    ASSIGN_OR_RETURN(auto rule, parse_rule(*table, subject));
    conf.rules.push_back(std::move(rule));
  }
  return conf;
}

Result<std::vector<std::string>> conf_files(const std::string& path, const std::string& drop_in_dir) {
  std::vector<std::string> files;
  if (exists(path)) files.push_back(path);
  if (drop_in_dir.empty() || !exists(drop_in_dir)) return files;
  ASSIGN_OR_RETURN(auto names, list_dir(drop_in_dir));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (name.ends_with(".conf")) files.push_back(cat(drop_in_dir, "/", name));
  }
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
  if (!other.search.empty()) search = std::move(other.search);
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
  try {
    return read_document(toml::parse(text, std::string_view(subject)), subject);
  } catch (const toml::parse_error& problem) {
    return Error(Code::kInvalidArgument,
                 cat(subject, " line ", problem.source().begin.line, ": ", problem.description()));
  } catch (const std::exception& problem) {
    return Error(Code::kInvalidArgument, cat(subject, ": ", problem.what()));
  }
}

Result<RegistriesConf> load_registries_conf(const std::string& path, const std::string& drop_in_dir) {
  RegistriesConf conf;
  ASSIGN_OR_RETURN(const auto files, conf_files(path, drop_in_dir));
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(const std::string text, read_file(file, kMaxFile));
    ASSIGN_OR_RETURN(auto part, parse_registries_conf(text, file));
    conf.merge(std::move(part));
  }
  return conf;
}

std::string registries_conf_stamp(const std::string& path, const std::string& drop_in_dir) {
  std::string stamp;
  const auto files = conf_files(path, drop_in_dir);
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
