// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/image.hpp"
#include "image/reference.hpp"
#include "image/trust/policy.hpp"
#include "image/trust/signature.hpp"

namespace berth::image {

/// Where the signatures of one image are.
class SignatureSource {
 public:
  virtual ~SignatureSource() = default;
  /// True: that was enough.
  using Visitor = std::function<bool(const Signature&)>;
  /// Shows signatures of one kind, one after the other, none checked; and says, for people, what is to be
  /// known about those that it did not find.
  virtual std::string visit(SignatureKind kind, const Visitor& visitor) const = 0;
};

/// Whether everything that the policy's most specific scope for `reference` demands is so. Returns the
/// signatures that showed it. Reads keys, may run gpgv: blocks. A refusal is kFailedPrecondition and names
/// scope, requirement, and what was wrong with what was found.
Result<std::vector<Signature>> verify_signatures(const Policy& policy, const Reference& reference,
                                                 const SignatureSource& source, std::stop_token cancel);

/// Whether the policy takes an archive or layout in. Those hold no signatures: nothing but
/// insecureAcceptAnything lets one in. `listed`: only where a scope of this transport says so.
Result<void> verify_archive(const Policy& policy, const std::string& transport, const std::string& path,
                            bool listed);

/// The same for a policy in a file; empty accepts anything. A refusal is kUnknown.
Result<void> verify_import(const std::string& policy_path, const std::string& transport,
                           const std::string& path);

/// The one code of all refusals by a policy, which also names its file; cancellations stay what they are.
Error refused_by_policy(Error error, const std::string& policy_path);

/// Whether an image of the store may be run under the name `asked` (as a pod's author wrote it; an ID or a
/// name that is not complete stands for every name that the image has, one of which must do). By the
/// signatures that were found when it was pulled, or where a scope lists the archive that it was imported
/// from: asks no network. `policy_path`: empty accepts anything. A refusal is kUnknown.
Result<void> verify_stored(const std::string& policy_path, const Image& image, const std::string& asked,
                           std::stop_token cancel);

}  // namespace berth::image
