// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "image/reference.hpp"

namespace berth::image {

/// One public key, or a file of several: either a path or the bytes.
struct KeySource {
  std::string path;
  std::string data;
};

/// Which names a signature may be about, so that it counts for the image that was asked for.
struct SignedIdentity {
  enum class Kind : std::uint8_t {
    kExact,
    kRepoDigestOrExact,  ///< the same name; any tag when the image was asked for by digest
    kRepository,
    kExactReference,   ///< `name`, whatever was asked for
    kExactRepository,  ///< `name` with any tag
    kRemap,            ///< kRepoDigestOrExact of the name with `prefix` replaced by `signed_prefix`
  };
  Kind kind = Kind::kRepoDigestOrExact;
  std::string name;
  std::string prefix, signed_prefix;
};

struct Requirement {
  enum class Kind : std::uint8_t { kAcceptAnything, kReject, kSigstoreSigned, kSignedBy };
  Kind kind = Kind::kReject;
  std::vector<KeySource> keys;  ///< any of them
  SignedIdentity identity;
};
using Requirements = std::vector<Requirement>;

/// A containers-policy.json(5): what must hold of an image before it is used. Never empty: a scope without
/// requirements is no policy.
struct Policy {
  Requirements fallback;  ///< "default"
  std::map<std::string, std::map<std::string, Requirements>> transports;

  /// All requirements of the most specific scope, and how to call that.
  struct Ruling {
    const Requirements* requirements = nullptr;
    std::string scope;
  };
  /// For an image of a registry (transport "docker").
  Ruling rule(const Reference& reference) const;
  /// For an archive or layout; a `listed` transport alone: null when the policy has no scope for it.
  Ruling rule(const std::string& transport, const std::string& path, bool listed) const;
};

/// Strict: kInvalidArgument names `subject` and the first thing that is wrong, unknown or not supported.
Result<Policy> parse_policy(std::string_view text, const std::string& subject);
Result<Policy> load_policy(const std::string& path);

/// The scopes that cover an image of a registry, the most specific first: "host/a/b:tag" (or "@digest"),
/// "host/a/b", "host/a", "host", "*.domain".
std::vector<std::string> scopes_of(const Reference& reference);

}  // namespace berth::image
