// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "image/reference.hpp"

namespace berth::image {

/// What a mirror may be asked for.
enum class MirrorUse : std::uint8_t { kAll, kDigestOnly, kTagOnly };

/// A registries.conf v2 file (containers-registries.conf(5)): which servers stand for which names.
/// Read here: unqualified-search-registries, [[registry]] with prefix, location, insecure, blocked,
/// mirror-by-digest-only and mirrors. Keys of other concerns are ignored.
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
  };
  std::vector<std::string> search;
  std::vector<Rule> rules;

  /// The rule with the longest prefix that ends on a boundary of `reference`; null when none does.
  const Rule* find(const Reference& reference) const;
  /// What a drop-in says wins: its rule replaces the one with the same prefix.
  void merge(RegistriesConf other);
};

/// kInvalidArgument names `subject` (a path) and the line or key.
Result<RegistriesConf> parse_registries_conf(std::string_view text, const std::string& subject);

/// `path`, then `*.conf` of `drop_in_dir` in name order. Absent files and directories are empty.
Result<RegistriesConf> load_registries_conf(const std::string& path, const std::string& drop_in_dir);

/// Changes when a file above was changed, added or removed: sizes and times, not content.
std::string registries_conf_stamp(const std::string& path, const std::string& drop_in_dir);

/// How much of `reference` the prefix covers ("host", "host/ns", "host/ns/repo", with ":tag" or
/// "@digest"), in characters of Reference::text(); 0: it does not match.
std::size_t matched_length(std::string_view prefix, const Reference& reference);

}  // namespace berth::image
