// SPDX-License-Identifier: Apache-2.0
#include "image/trust/identity.hpp"

#include <string>

#include "base/cat.hpp"

namespace berth::image {
namespace {

/// The name as its signer would have written it; nullopt: the remapped name is none.
std::optional<Reference> remapped(const SignedIdentity& identity, const Reference& asked) {
  const std::string name = asked.name();
  const bool covered = name == identity.prefix || name.starts_with(identity.prefix + "/");
  if (!covered) return asked;
  auto reference = parse_reference(cat(identity.signed_prefix, asked.text().substr(identity.prefix.size())));
  if (!reference) return std::nullopt;
  return *std::move(reference);
}

bool same_or_by_digest(const Reference& asked, const Reference& claimed, bool name_only) {
  if (name_only) return false;
  // The digest itself is compared elsewhere, with the payload's.
  if (asked.digest) return claimed.name() == asked.name();
  return claimed.text() == asked.text();
}

}  // namespace

bool is_name_only(std::string_view text) {
  const std::size_t slash = text.rfind('/');
  return text.find('@') == std::string_view::npos &&
         text.find(':', slash == std::string_view::npos ? 0 : slash) == std::string_view::npos;
}

bool matches_identity(const SignedIdentity& identity, const Reference& asked, std::string_view signed_name) {
  using Kind = SignedIdentity::Kind;
  const auto claimed = parse_reference(signed_name);
  if (!claimed) return false;
  const bool name_only = is_name_only(signed_name);
  switch (identity.kind) {
    case Kind::kExact:
      return !name_only && claimed->text() == asked.text();
    case Kind::kRepoDigestOrExact:
      return same_or_by_digest(asked, *claimed, name_only);
    case Kind::kRepository:
      return claimed->name() == asked.name();
    case Kind::kExactReference:
      return !name_only && claimed->text() == parse_reference(identity.name)->text();
    case Kind::kExactRepository:
      return claimed->name() == parse_reference(identity.name)->name();
    case Kind::kRemap: {
      const auto wanted = remapped(identity, asked);
      return wanted && same_or_by_digest(*wanted, *claimed, name_only);
    }
  }
  return false;
}

}  // namespace berth::image
