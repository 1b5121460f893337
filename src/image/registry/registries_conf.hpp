// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "image/reference.hpp"
#include "image/registry_options.hpp"

namespace berth::image {

/// What a mirror may be asked for.
enum class MirrorUse : std::uint8_t { kAll, kDigestOnly, kTagOnly };

/// What a name without a host may mean when nobody can be asked.
enum class ShortNameMode : std::uint8_t {
  kEnforcing,   ///< an alias, or the one search registry
  kPermissive,  ///< an alias, or any of the search registries in order
  kDisabled,    ///< any of the search registries; aliases do not count
};

/// A registries.conf v2 file (containers-registries.conf(5)): which servers stand for which names.
/// Read here: unqualified-search-registries, short-name-mode, aliases, credential-helpers, and
/// [[registry]] with prefix, location, insecure, blocked, mirror-by-digest-only and mirrors. Keys of
/// other concerns are ignored.
struct RegistriesConf {
  struct Mirror {
    std::string location;
    bool insecure = false;
    MirrorUse use = MirrorUse::kAll;
  };
  struct Rule {
    std::string prefix;    ///< "host[:port][/path...]" or "*.domain"
    std::string location;  ///< replaces the prefix; empty: nothing is replaced
    bool insecure = false;
    bool blocked = false;
    std::vector<Mirror> mirrors;
    std::string said_by;  ///< the file
  };
  std::optional<std::vector<std::string>> search;  ///< unset: no file said anything, which is not "none"
  std::optional<std::vector<std::string>> credential_helpers;
  std::optional<ShortNameMode> short_name_mode;
  std::map<std::string, std::string> aliases;  ///< short name to "host/path"; empty: erased
  std::vector<Rule> rules;

  /// The rule with the longest prefix that ends on a boundary of `reference`; null when none does.
  const Rule* find(const Reference& reference) const;
  /// What a drop-in says wins: its rule replaces the one with the same prefix.
  void merge(RegistriesConf other);
};

/// kInvalidArgument names `subject` (a path) and the line or key.
Result<RegistriesConf> parse_registries_conf(std::string_view text, const std::string& subject);

Result<RegistriesConf> load_registries_conf(const RegistriesConfPaths& paths);

/// Changes when a file above was changed, added or removed: sizes and times, not content.
std::string registries_conf_stamp(const RegistriesConfPaths& paths);

/// How much of `reference` the prefix covers ("host", "host/ns", "host/ns/repo", with ":tag" or
/// "@digest"), in characters of Reference::text(); 0: it does not match.
std::size_t matched_length(std::string_view prefix, const Reference& reference);

}  // namespace berth::image
