// SPDX-License-Identifier: Apache-2.0
// The second look at an image's signatures: those that the store kept.
#include <algorithm>

#include "base/cat.hpp"
#include "image/trust/verify.hpp"

namespace berth::image {
namespace {

class StoredSignatures final : public SignatureSource {
 public:
  explicit StoredSignatures(const Image& image) : image_(image) {}
  std::string visit(SignatureKind kind, const Visitor& visitor) const override {
    for (const Signature& signature : image_.signatures) {
      if (signature.kind == kind && visitor(signature)) return {};
    }
    return "only what was accepted when the image was pulled is known here: pull it again";
  }

 private:
  const Image& image_;
};

bool has_name(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The names under which the image counts as asked for.
std::vector<Reference> names_meant(const Image& image, const std::string& asked) {
  const auto reference = parse_reference(asked);
  const bool complete = reference && (reference->has_host || has_name(image.repo_tags, reference->text()) ||
                                      has_name(image.repo_digests, reference->text()));
  if (complete) return {*reference};
  std::vector<Reference> names;
  for (const auto* all : {&image.repo_tags, &image.repo_digests}) {
    for (const std::string& name : *all) {
      if (auto parsed = parse_reference(name)) names.push_back(*std::move(parsed));
    }
  }
  return names;
}

bool is_accepted_import(const Policy& policy, const Image& image) {
  return std::any_of(image.signatures.begin(), image.signatures.end(), [&](const Signature& signature) {
    if (signature.kind != SignatureKind::kImport) return false;
    const std::size_t colon = signature.payload.find(':');
    return bool(verify_archive(policy, signature.payload.substr(0, colon),
                               signature.payload.substr(colon + 1), true));
  });
}

bool accepts_anything(const Requirements& requirements) {
  return std::all_of(requirements.begin(), requirements.end(), [](const Requirement& requirement) {
    return requirement.kind == Requirement::Kind::kAcceptAnything;
  });
}

Result<void> verify_named(const Policy& policy, const Image& image, const std::string& asked,
                          const std::stop_token& cancel) {
  if (is_accepted_import(policy, image)) return {};
  const StoredSignatures stored(image);
  const std::vector<Reference> names = names_meant(image, asked);
  if (names.empty() && accepts_anything(policy.fallback)) return {};
  Error last(Code::kFailedPrecondition, "it has no name that the policy could be asked about");
  for (const Reference& name : names) {
    auto verified = verify_signatures(policy, name, stored, cancel);
    if (verified) return {};
    last = std::move(verified).error();
    if (last.code() == Code::kCancelled) break;
    last.add_context(name.text());
  }
  return last;
}

}  // namespace

Result<void> verify_stored(const std::string& policy_path, const Image& image, const std::string& asked,
                           std::stop_token cancel) {
  if (policy_path.empty()) return {};
  auto policy = load_policy(policy_path);
  auto verified =
      policy ? verify_named(*policy, image, asked, cancel) : Result<void>(std::move(policy).error());
  if (verified) return {};
  return refused_by_policy(std::move(verified).error(), policy_path);
}

}  // namespace berth::image
