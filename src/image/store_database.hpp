// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/image.hpp"
#include "image/store_sqlite.hpp"

namespace berth::image {

/// The image store's tables. Every method is one transaction, durable when it returns. Not
/// thread-safe: the store has one writer.
class StoreDatabase {
 public:
  /// Creates the tables, or checks their version: a newer one is kFailedPrecondition.
  static Result<StoreDatabase> open(const std::string& path);
  /// For one that nobody changes; its file system may be read-only. kFailedPrecondition for another version,
  /// and when its last owner did not close it.
  static Result<StoreDatabase> open_read_only(const std::string& path);

  struct ImageRow {
    std::string id;
    std::string config_json, manifest_json;  ///< raw bytes; empty when loaded
    ImageConfig config;
    std::uint64_t document_size = 0;  ///< of the two
    std::int64_t created_ns = 0;
    std::vector<std::uint64_t> layers;  ///< numbers, bottom first
  };
  struct Contents {
    std::vector<Layer> layers;
    std::vector<ImageRow> images;
    std::vector<std::string> unreadable;      ///< IDs of images whose row makes no sense
    std::map<std::string, std::string> tags;  ///< name -> image ID
    std::map<std::string, std::string> digests;
    std::map<std::string, std::vector<Signature>> signatures;  ///< by image
  };
  Result<Contents> load();

  Result<std::string> config_of(const std::string& id);

  /// An image that is there already only gets the names and signatures; names that belong to others move. A
  /// new layer takes the place of one with the same chain in all images.
  Result<void> add(const ImageRow& image, const std::vector<Layer>& new_layers,
                   const std::vector<std::string>& tags, const std::vector<std::string>& digests,
                   const std::vector<Signature>& signatures);
  Result<void> remove_images(const std::vector<std::string>& ids);
  Result<void> set_tree(std::uint64_t number, const std::string& tree);
  Result<void> remove_layers(const std::vector<std::uint64_t>& numbers);

 private:
  explicit StoreDatabase(Sqlite database) : sqlite_(std::move(database)) {}
  Result<std::int64_t> version();
  Result<void> create_tables();
  Result<void> load_images(Contents& contents);
  Result<void> load_names(Contents& contents);
  Result<void> load_signatures(Contents& contents);
  Result<void> add_signatures(const std::string& id, const std::vector<Signature>& signatures);
  Result<void> add_layers(const std::vector<Layer>& layers);
  Result<void> add_names(const std::string& id, const std::vector<std::string>& names, int kind);

  Sqlite sqlite_;
};

}  // namespace berth::image
