// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "image/reference.hpp"

namespace berth::image {

/// What registries.d says about one scope.
struct SignaturePlace {
  std::string lookaside;  ///< URL (https, http, file) below which OpenPGP signatures are; empty: unsaid
  std::optional<bool> in_registry;  ///< use-sigstore-attachments: sigstore signatures are beside the image
};

/// containers-registries.d(5): where signatures of images are. Keys for writers of signatures are ignored.
struct RegistriesD {
  SignaturePlace fallback;                       ///< default-docker
  std::map<std::string, SignaturePlace> scopes;  ///< docker

  /// Of each setting, what the most specific scope that has it says.
  SignaturePlace find(const Reference& reference) const;
  /// kInvalidArgument: both say something about one scope.
  Result<void> merge(RegistriesD other, const std::string& subject);
};

/// One file, in YAML. kInvalidArgument names `subject` and the line or key; aliases of YAML are refused.
Result<RegistriesD> parse_registries_d(std::string_view text, const std::string& subject);

/// All `*.yaml` of a directory, which may be absent.
Result<RegistriesD> load_registries_d(const std::string& dir);

}  // namespace berth::image
