// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/image_policy.hpp"

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "daemon/spec/validate.hpp"
#include "image/trust/policy.hpp"
#include "image/trust/registries_d.hpp"
#include "image/trust/verify.hpp"

namespace berth::daemon {
namespace {

constexpr std::string_view kSuffix = ".json";

void warn_of_namespaces(const std::string& dir) {
  const auto names = list_dir(dir);
  if (!names) {
    log::warn("image.policy_dir cannot be read", {{"error", names.error().to_string()}});
    return;
  }
  for (const std::string& name : *names) {
    if (!name.ends_with(kSuffix)) continue;
    if (auto policy = image::load_policy(cat(dir, "/", name)); !policy)
      log::warn("nothing will be pulled or run in a namespace", {{"error", policy.error().to_string()}});
  }
}

}  // namespace

Result<std::string> policy_of(const Config& config, const std::string& name_space) {
  if (config.policy_dir.empty() || name_space.empty()) return config.policy;
  RETURN_IF_ERROR(validate_namespace(name_space));
  const std::string own = cat(config.policy_dir, "/", name_space, kSuffix);
  return exists(own) ? own : config.policy;
}

Result<void> check_policies(const Config& config) {
  if (config.policy.empty() && config.policy_dir.empty()) {
    log::info("any image is accepted: image.policy names no policy");
    return {};
  }
  if (!config.policy.empty()) RETURN_IF_ERROR(image::load_policy(config.policy));
  RETURN_IF_ERROR(image::load_registries_d(config.registries_d));
  if (!config.policy_dir.empty()) warn_of_namespaces(config.policy_dir);
  return {};
}

Result<void> check_trust(const Services& with, const PodRecord& pod, const image::Image& image,
                         const cri::ImageSpec& asked) {
  ASSIGN_OR_RETURN(const std::string policy, policy_of(with.config, pod.config.metadata().namespace_()));
  const std::string& written = asked.user_specified_image();
  return image::verify_stored(policy, image, written.empty() ? asked.image() : written, {});
}

Error name_refusal(Error error) {
  if (error.code() == Code::kUnknown) error.add_context("SignatureValidationFailed");
  return error;
}

}  // namespace berth::daemon
