// SPDX-License-Identifier: Apache-2.0
#include "image/trust/verify.hpp"

#include <algorithm>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/trust/gpgv.hpp"
#include "image/trust/identity.hpp"
#include "image/trust/payload.hpp"
#include "image/trust/public_key.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxKeyFile = 1U << 20;
constexpr std::size_t kMaxReasons = 4;  // that a refusal tells

/// Finds out, for one requirement, what a signature says if its signature is good.
using Opener = std::function<Result<std::string>(const Signature&)>;

Error distrust(std::string message) {
  return {Code::kFailedPrecondition, std::move(message)};
}

Result<std::string> read_key(const KeySource& source) {
  if (source.path.empty()) return source.data;
  return read_file(source.path, kMaxKeyFile);
}

std::string name_of(const KeySource& source) {
  return source.path.empty() ? "in the policy" : source.path;
}

Result<Opener> sigstore_opener(const Requirement& requirement) {
  auto keys = std::make_shared<std::vector<PublicKey>>();
  for (const KeySource& source : requirement.keys) {
    ASSIGN_OR_RETURN(const std::string pem, read_key(source));
    ASSIGN_OR_RETURN(PublicKey key, PublicKey::parse(pem, name_of(source)));
    keys->push_back(std::move(key));
  }
  return Opener([keys](const Signature& signature) -> Result<std::string> {
    for (const PublicKey& key : *keys) {
      if (key.verifies(signature.payload, signature.signature)) return signature.payload;
    }
    return distrust("it is by none of the policy's keys");
  });
}

Result<Opener> openpgp_opener(const Requirement& requirement, const std::stop_token& cancel) {
  std::string keyring;
  for (const KeySource& source : requirement.keys) {
    ASSIGN_OR_RETURN(const std::string text, read_key(source));
    ASSIGN_OR_RETURN(const std::string packets, dearmor_keys(text, name_of(source)));
    keyring += packets;
  }
  return Opener([keyring, cancel](const Signature& signature) {
    return open_signed_message(keyring, signature.signature, cancel);
  });
}

/// Good, about this manifest, and under a name that counts. In this order: before a signature was found
/// good, nothing that it says is looked at.
Result<void> check_signature(const Opener& open, const Requirement& requirement, const Reference& reference,
                             const Signature& signature) {
  ASSIGN_OR_RETURN(const std::string payload, open(signature));
  ASSIGN_OR_RETURN(const SignedClaim claim, parse_signed_claim(signature.kind, payload));
  if (claim.digest != signature.digest)
    return distrust(cat("it is about ", claim.digest.text(), ", not ", signature.digest.text()));
  if (!matches_identity(requirement.identity, reference, claim.name))
    return distrust(cat("it is about \"", claim.name, "\", which does not count for ", reference.text()));
  return {};
}

Result<Signature> find_good(const Requirement& requirement, const Reference& reference,
                            const SignatureSource& source, const std::stop_token& cancel) {
  const bool sigstore = requirement.kind == Requirement::Kind::kSigstoreSigned;
  ASSIGN_OR_RETURN(const Opener open,
                   sigstore ? sigstore_opener(requirement) : openpgp_opener(requirement, cancel));
  std::optional<Signature> good;
  std::vector<std::string> reasons;
  const auto note = source.visit(sigstore ? SignatureKind::kSigstore : SignatureKind::kSimple,
                                 [&](const Signature& signature) {
                                   auto checked = check_signature(open, requirement, reference, signature);
                                   if (checked) {
                                     good = signature;
                                   } else {
                                     reasons.push_back(checked.error().to_string());
                                   }
                                   return good || cancel.stop_requested();
                                 });
  if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
  if (good) return *std::move(good);
  std::string why = reasons.empty() ? "no signature was found" : cat(reasons.size(), " not accepted");
  for (std::size_t at = 0; at < std::min(reasons.size(), kMaxReasons); ++at)
    why += cat(at == 0 ? ": " : "; ", reasons[at]);
  if (!note.empty()) why += cat(" (", note, ")");
  return distrust(why);
}

const char* type_of(const Requirement& requirement) {
  switch (requirement.kind) {
    case Requirement::Kind::kAcceptAnything:
      return "insecureAcceptAnything";
    case Requirement::Kind::kReject:
      return "reject";
    case Requirement::Kind::kSigstoreSigned:
      return "sigstoreSigned";
    case Requirement::Kind::kSignedBy:
      break;
  }
  return "signedBy";
}

std::string frame_of(const Policy::Ruling& ruling, std::size_t at) {
  return cat("the policy's scope ", ruling.scope, " demands ", type_of((*ruling.requirements)[at]),
             " (requirement ", at + 1, " of ", ruling.requirements->size(), ")");
}

}  // namespace

Result<std::vector<Signature>> verify_signatures(const Policy& policy, const Reference& reference,
                                                 const SignatureSource& source, std::stop_token cancel) {
  const Policy::Ruling ruling = policy.rule(reference);
  std::vector<Signature> evidence;
  for (std::size_t at = 0; at < ruling.requirements->size(); ++at) {
    const Requirement& requirement = (*ruling.requirements)[at];
    if (requirement.kind == Requirement::Kind::kAcceptAnything) continue;
    if (requirement.kind == Requirement::Kind::kReject)
      return distrust("nothing may come from there").add_context(frame_of(ruling, at));
    auto good = find_good(requirement, reference, source, cancel);
    if (!good) return std::move(good).context(frame_of(ruling, at)).error();
    evidence.push_back(*std::move(good));
  }
  return evidence;
}

Result<void> verify_archive(const Policy& policy, const std::string& transport, const std::string& path,
                            bool listed) {
  const Policy::Ruling ruling = policy.rule(transport, path, listed);
  if (ruling.requirements == nullptr) return distrust(cat("the policy lists no scope of ", transport));
  for (std::size_t at = 0; at < ruling.requirements->size(); ++at) {
    if ((*ruling.requirements)[at].kind == Requirement::Kind::kAcceptAnything) continue;
    return distrust(cat("an image of ", transport, ":", path,
                        " has no signatures: only insecureAcceptAnything "
                        "lets it in"))
        .add_context(frame_of(ruling, at));
  }
  return {};
}

Result<void> verify_import(const std::string& policy_path, const std::string& transport,
                           const std::string& path) {
  if (policy_path.empty()) return {};
  auto policy = load_policy(policy_path);
  auto verified =
      policy ? verify_archive(*policy, transport, path, false) : Result<void>(std::move(policy).error());
  if (verified) return {};
  return refused_by_policy(std::move(verified).error(), policy_path);
}

Error refused_by_policy(Error error, const std::string& policy_path) {
  if (error.code() == Code::kCancelled) return error;
  return error.add_context(policy_path).recode(Code::kUnknown);
}

}  // namespace berth::image
