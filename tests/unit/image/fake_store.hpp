// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "image/chain_id.hpp"
#include "image/image_install.hpp"

namespace berth::image {

/// A store of names only: no disk.
class FakeStore final : public ImageStore {
 public:
  enum class Stage { kReserved, kStaged, kCommitted };

  std::vector<ImagePtr> list() const override { return images; }
  ImagePtr find(std::string_view) const override { return nullptr; }
  Result<std::string> config_json(const std::string&) override { return std::string("{}"); }
  Result<void> remove(std::string_view) override { return {}; }
  Result<LayerSlot> reserve_layer(const std::string& chain_id, std::stop_token cancel) override {
    std::unique_lock lock(mutex);
    const auto free = [&] { return !stages.contains(chain_id) || stages[chain_id] != Stage::kReserved; };
    if (!changed.wait(lock, cancel, free)) return Error(Code::kCancelled, "gone");
    if (stages.contains(chain_id)) return LayerSlot{Layer{1, sha256(""), chain_id, 0, 0}, ""};
    stages[chain_id] = Stage::kReserved;
    return LayerSlot{std::nullopt, "staging/" + chain_id};
  }
  Result<void> stage_layer(const std::string& chain_id, const Digest&, std::uint64_t,
                           std::uint64_t) override {
    std::lock_guard lock(mutex);
    stages[chain_id] = Stage::kStaged;
    changed.notify_all();
    return {};
  }
  void abandon_layer(const std::string& chain_id) override {
    std::lock_guard lock(mutex);
    if (stages.contains(chain_id) && stages[chain_id] != Stage::kCommitted) stages.erase(chain_id);
    changed.notify_all();
  }
  Result<ImagePtr> commit_image(const NewImage& image) override {
    if (!commit_error.empty()) return Error(Code::kInternal, commit_error);
    std::lock_guard lock(mutex);
    for (const std::string& chain_id : image.chain_ids) stages[chain_id] = Stage::kCommitted;
    Image made;
    made.id = image.id;
    made.config = image.config;
    if (!image.repo_tag.empty()) made.repo_tags = {image.repo_tag};
    made.repo_digests = image.repo_digests;
    images.push_back(std::make_shared<const Image>(made));
    return images.back();
  }
  Usage usage() const override { return {0, 0, "/tmp"}; }
  Result<void> hold_layers(const std::string& key, const std::vector<Layer>&) override {
    const std::lock_guard lock(mutex);
    if (vanishing > 0) {
      --vanishing;
      stages.clear();
      return Error(Code::kNotFound, "removed");
    }
    holds.insert(key);
    return {};
  }
  void release_layers(const std::string& key) override {
    const std::lock_guard lock(mutex);
    holds.erase(key);
  }
  Result<Check> check_layer(const Layer&, std::stop_token) override { return Check{}; }
  std::string layer_dir(const Layer& layer) const override { return "dir/" + layer.chain_id; }

  std::mutex mutex;
  std::condition_variable_any changed;
  std::map<std::string, Stage> stages;
  std::set<std::string> holds;
  std::vector<ImagePtr> images;
  std::string commit_error;
  int vanishing = 0;  ///< that many holds find the layer gone
};

/// Unpacks into nothing: hashes. What it does with a layer is told by the layer's own bytes.
class FakeSinks {
 public:
  SinkFactory factory() {
    return
        [this](const UnpackRequest& request, std::stop_token cancel) -> Result<std::unique_ptr<LayerSink>> {
          std::lock_guard lock(mutex);
          requests.push_back(request);
          return std::unique_ptr<LayerSink>(std::make_unique<Sink>(*this, request, std::move(cancel)));
        };
  }
  std::mutex mutex;
  std::vector<UnpackRequest> requests;
  int open = 0, most_open = 0;
  std::condition_variable_any released;
  bool hold_back = false;  ///< "slow" layers wait until this is false, or for cancellation

 private:
  class Sink final : public LayerSink {
   public:
    Sink(FakeSinks& owner, UnpackRequest request, std::stop_token cancel)
        : owner_(owner), request_(std::move(request)), cancel_(std::move(cancel)) {
      owner_.most_open = std::max(owner_.most_open, ++owner_.open);
    }
    ~Sink() override {
      std::lock_guard lock(owner_.mutex);
      --owner_.open;
    }
    Result<void> write(std::span<const std::byte> data) override {
      text_.append(reinterpret_cast<const char*>(data.data()), data.size());
      if (text_.starts_with("link") && !request_.lowers_complete) {
        return Error(Code::kFailedPrecondition, std::string(kNeedsLowerLayer) + " for \"a\"");
      }
      if (text_.starts_with("bad")) return Error(Code::kFailedPrecondition, "layer entry \"x\": bad");
      std::unique_lock lock(owner_.mutex);
      if (text_.starts_with("slow"))
        owner_.released.wait(lock, cancel_, [this] { return !owner_.hold_back; });
      return {};
    }
    Result<Applied> finish() override { return Applied{sha256(text_), text_.size(), 1}; }

   private:
    FakeSinks& owner_;
    UnpackRequest request_;
    std::stop_token cancel_;
    std::string text_;
  };
};

/// Blobs in memory.
class FakeSource final : public ContentSource {
 public:
  Result<void> read_blob(const Descriptor& blob, const BlobReader& reader, std::stop_token) const override {
    const auto found = blobs.find(blob.digest.text());
    if (found == blobs.end()) return Error(Code::kNotFound, "the registry answered with status 404");
    return reader(std::as_bytes(std::span(found->second)));
  }
  Descriptor add(const std::string& bytes) {
    const Digest digest = sha256(bytes);
    blobs[digest.text()] = bytes;
    return {"", digest, bytes.size(), {}, {}};
  }
  std::map<std::string, std::string> blobs;
};

}  // namespace berth::image
