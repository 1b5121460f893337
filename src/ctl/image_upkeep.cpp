// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>
#include <set>

#include "base/cat.hpp"
#include "ctl/client.hpp"
#include "ctl/crictl.hpp"
#include "ctl/image_verbs.hpp"

namespace berth::ctl {
namespace {

using admin::v1::CheckedLayer;

Result<int> prune_images(const Context& context) {
  show_crictl(context, {"rmi", "--prune"});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(const auto images, client.call(cri::ListImagesRequest{}));
  // After the images: what is created from one of them meanwhile keeps its layers anyway.
  ASSIGN_OR_RETURN(const auto containers, client.call(cri::ListContainersRequest{}));
  std::set<std::string> used;
  for (const auto& container : containers.containers()) used.insert(container.image_id());
  bool all = true;
  for (const auto& image : images.images()) {
    if (image.pinned() || used.contains(image.id())) continue;
    cri::RemoveImageRequest request;
    request.mutable_image()->set_image(image.id());
    const auto removed = client.call(request);
    all = all && removed;
    if (!removed) std::cerr << removed.error().to_string() << "\n";
    if (removed)
      std::cout << image.id() << (image.repo_tags().empty() ? "" : " " + image.repo_tags(0)) << "\n";
  }
  return all ? 0 : 1;
}

const char* word_for(CheckedLayer::State state) {
  switch (state) {
    case CheckedLayer::DAMAGED:
      return "damaged";
    case CheckedLayer::REPAIRED:
      return "repaired";
    case CheckedLayer::UNKNOWN:
      return "unknown";
    default:
      return "whole";
  }
}

Result<int> verify_images(const Context& context, const std::vector<std::string>& references, bool repair) {
  if (context.show_crictl) std::cerr << "# crictl has no verify\n";
  admin::v1::VerifyImageRequest request;
  for (const auto& reference : references) request.add_references(reference);
  request.set_repair(repair);
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(const auto answer, client.call(request));
  int damaged = 0;
  int whole = 0;
  for (const auto& layer : answer.layers()) {
    damaged += layer.state() == CheckedLayer::DAMAGED ? 1 : 0;
    whole += layer.state() == CheckedLayer::WHOLE ? 1 : 0;
    if (layer.state() == CheckedLayer::WHOLE) continue;
    std::cout << word_for(layer.state()) << " layer " << layer.number() << " " << layer.diff_id();
    for (const auto& image : layer.images()) std::cout << " " << image;
    std::cout << ": " << layer.detail() << "\n";
  }
  std::cout << whole << " of " << answer.layers_size() << " layers are as they were unpacked\n";
  return damaged == 0 ? 0 : 1;
}

}  // namespace

void add_image_upkeep(Verb& image) {
  image.add("prune", "Remove the images that no container uses and nobody has pinned").runs(prune_images);
  auto references = std::make_shared<std::vector<std::string>>();
  auto repair = std::make_shared<bool>(false);
  image.add("verify", "Compare layers' files with what they were; exit status 1 when one is damaged")
      .any_arguments("REF", *references, "Images, by name or ID; none: all")
      .flag("--repair", *repair, "Fetch damaged layers anew, with the node's own credentials")
      .runs([references, repair](const Context& context) {
        return verify_images(context, *references, *repair);
      });
}

}  // namespace berth::ctl
