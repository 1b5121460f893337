// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/image_volumes.hpp"

#include "base/cat.hpp"
#include "base/log.hpp"
#include "daemon/ops/image_policy.hpp"
#include "daemon/spec/user_namespace.hpp"
#include "runtime/namespaces_user.hpp"
#include "runtime/oci/id_mappings.hpp"

namespace berth::daemon {
namespace {

std::string hold_key(const ContainerRecord& record, std::size_t index) {
  return cat(image::ImageStore::kVolumeHold, record.id, ":", index);
}

Result<UniqueFd> mount_one(Services& with, const PodRecord& pod, const image::Image& image,
                           const std::string& inside) {
  const IdMaps maps = id_maps_of(pod.config);
  UniqueFd user;
  if (maps) {
    ASSIGN_OR_RETURN(user,
                     runtime::make_user_namespace(oci::id_map_text(maps.uids), oci::id_map_text(maps.gids)));
  }
  return with.snapshots->mount_image(image, maps ? user.get() : -1, inside);
}

Result<UniqueFd> take_one(Services& with, const PodRecord& pod, const cri::Mount& wish,
                          ContainerRecord& record) {
  const image::ImagePtr image = with.images->find(wish.image().image());
  if (!image) return Error(Code::kNotFound, "it is not on this node: pull it first");
  RETURN_IF_ERROR(check_trust(with, pod, *image, wish.image()));
  RETURN_IF_ERROR(with.images->hold_layers(hold_key(record, record.image_volumes.size()), image->layers));
  record.image_volumes.push_back({wish.container_path(), image->id,
                                  image->repo_digests.empty() ? image->id : image->repo_digests.front()});
  return mount_one(with, pod, *image, wish.image_sub_path());
}

}  // namespace

Result<ImageTrees> mount_image_volumes(Services& with, const PodRecord& pod, ContainerRecord& record) {
  ImageTrees trees;
  for (const auto& wish : record.config.mounts()) {
    if (!wish.has_image()) continue;
    auto tree = take_one(with, pod, wish, record);
    if (!tree) {
      release_image_volumes(with, record);
      Error error = std::move(tree).error();
      error.add_context(cat("mount image \"", wish.image().image(), "\" on ", wish.container_path()));
      return std::move(error.recode(Code::kUnknown));
    }
    trees[wish.container_path()] = std::make_shared<const UniqueFd>(*std::move(tree));
  }
  return trees;
}

void hold_image_volumes(Services& with, const ContainerRecord& record) {
  for (std::size_t i = 0; i < record.image_volumes.size(); ++i) {
    const ImageVolume& volume = record.image_volumes[i];
    const image::ImagePtr image = with.images->find(volume.image_id);
    if (image && with.images->hold_layers(hold_key(record, i), image->layers)) continue;
    log::warn("an image that a container has mounted has gone",
              {{"container", record.id}, {"image", volume.image_id}, {"path", volume.container_path}});
  }
}

void release_image_volumes(Services& with, const ContainerRecord& record) {
  for (std::size_t i = 0; i < record.image_volumes.size(); ++i)
    with.images->release_layers(hold_key(record, i));
}

}  // namespace berth::daemon
