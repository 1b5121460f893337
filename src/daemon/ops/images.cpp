// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/images.hpp"

#include <charconv>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "daemon/ops/image_policy.hpp"
#include "daemon/ops/one_time_auth.hpp"

namespace berth::daemon {
namespace {

Result<image::Credentials> credentials_of(const cri::AuthConfig& auth) {
  image::Credentials credentials;
  if (!auth.auth().empty() && auth.username().empty()) {
    ASSIGN_OR_RETURN(credentials, image::parse_basic_auth(auth.auth()));
  }
  if (!auth.username().empty()) {
    credentials.username = auth.username();
    credentials.password = auth.password();
  }
  credentials.identity_token = auth.identity_token();
  credentials.registry_token = auth.registry_token();
  credentials.server_address = auth.server_address();
  return credentials;
}

// The kubelet makes a waiting container's reason of this word, when the code is Unknown.
Error in_kubelets_words(Error error) {
  if (error.code() != Code::kUnavailable) return name_refusal(std::move(error));
  return error.recode(Code::kUnknown).add_context("RegistryUnavailable");
}

/// Exactly one of uid and username, from the image's USER.
void set_user(const std::string& user, cri::Image& out) {
  const std::string name = user.substr(0, user.find(':'));
  if (name.empty()) return;
  std::int64_t uid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), uid);
  if (error == std::errc{} && end == name.data() + name.size()) {
    out.mutable_uid()->set_value(uid);
  } else {
    out.set_username(name);
  }
}

void fill(const image::Image& image, cri::Image& out) {
  out.set_id(image.id);
  for (const auto& tag : image.repo_tags) out.add_repo_tags(tag);
  for (const auto& digest : image.repo_digests) out.add_repo_digests(digest);
  out.set_size(std::max<std::uint64_t>(image.size, 1));
  set_user(image.config.user, out);
  out.mutable_spec()->set_image(image.id);
  out.set_pinned(image.pinned);
}

Json verbose_info(const image::Image& image) {
  Json info;
  info["imageSpec"]["config"] = {{"User", image.config.user},
                                 {"Env", image.config.env},
                                 {"Entrypoint", image.config.entrypoint},
                                 {"Cmd", image.config.cmd},
                                 {"WorkingDir", image.config.working_dir},
                                 {"StopSignal", image.config.stop_signal},
                                 {"Labels", image.config.labels}};
  info["imageSpec"]["architecture"] = image.config.architecture;
  info["imageSpec"]["os"] = image.config.os;
  info["chainID"] = image.layers.empty() ? "" : image.layers.back().chain_id;
  return info;
}

Json pull_info(const std::vector<image::LayerProgress>& layers) {
  static constexpr const char* kStates[] = {"waiting", "fetching", "unpacked", "there"};
  Json info = {{"layers", Json::array()}};
  for (const auto& layer : layers) {
    info["layers"].push_back({{"digest", layer.digest},
                              {"size", layer.size},
                              {"fetched", layer.fetched},
                              {"state", kStates[static_cast<std::size_t>(layer.state)]}});
  }
  return info;
}

}  // namespace

Result<void> pull_image(Services& with, const Call& call, const cri::PullImageRequest& request,
                        cri::PullImageResponse& response) {
  if (request.image().image().empty()) return Error(Code::kInvalidArgument, "image.image is empty");
  const std::string& handler = request.image().runtime_handler();
  if (!handler.empty() && !with.config.handlers.contains(handler)) {
    return Error(Code::kInvalidArgument, cat("image.runtime_handler \"", handler, "\" is not configured"));
  }
  ASSIGN_OR_RETURN(image::Credentials credentials, credentials_of(request.auth()));
  const std::string& name_space = request.sandbox_config().metadata().namespace_();
  ASSIGN_OR_RETURN(const auto own,
                   OneTimeAuth::claim(with.config.auth_dir, name_space, request.image().image()));
  credentials.auth_json = own.text();
  ASSIGN_OR_RETURN(const std::string policy, policy_of(with.config, name_space));
  auto image = with.puller->pull(request.image().image(), credentials, policy, call.cancelled);
  if (!image) return in_kubelets_words(std::move(image).error());
  log::info("image pulled", {{"reference", request.image().image()}, {"id", (*image)->id}});
  response.set_image_ref((*image)->id);
  return {};
}

Result<void> remove_image(Services& with, const Call&, const cri::RemoveImageRequest& request,
                          cri::RemoveImageResponse&) {
  if (request.image().image().empty()) return Error(Code::kInvalidArgument, "image.image is empty");
  return with.images->remove(request.image().image())
      .context(cat("remove image \"", request.image().image(), "\""));
}

Result<void> list_images(Services& with, const Call&, const cri::ListImagesRequest& request,
                         cri::ListImagesResponse& response) {
  const std::string& wanted = request.filter().image().image();
  if (!wanted.empty()) {
    if (const auto image = with.images->find(wanted)) fill(*image, *response.add_images());
    return {};
  }
  for (const auto& image : with.images->list()) fill(*image, *response.add_images());
  return {};
}

Result<void> image_status(Services& with, const Call&, const cri::ImageStatusRequest& request,
                          cri::ImageStatusResponse& response) {
  if (request.image().image().empty()) return Error(Code::kInvalidArgument, "image.image is empty");
  if (request.verbose()) {
    if (const auto layers = with.puller->progress(request.image().image()))
      (*response.mutable_info())["pull"] = to_text(pull_info(*layers));
  }
  const auto image = with.images->find(request.image().image());
  if (!image) return {};
  fill(*image, *response.mutable_image());
  if (request.verbose()) (*response.mutable_info())["info"] = to_text(verbose_info(*image));
  return {};
}

Result<void> image_fs_info(Services& with, const Call&, const cri::ImageFsInfoRequest&,
                           cri::ImageFsInfoResponse& response) {
  const auto usage = with.images->usage();
  auto fill_usage = [&](cri::FilesystemUsage& out) {
    out.set_timestamp(now_ns());
    out.mutable_fs_id()->set_mountpoint(usage.mount_point);
    out.mutable_used_bytes()->set_value(usage.bytes);
    out.mutable_inodes_used()->set_value(usage.inodes);
  };
  fill_usage(*response.add_image_filesystems());
  fill_usage(*response.add_container_filesystems());
  return {};
}

}  // namespace berth::daemon
