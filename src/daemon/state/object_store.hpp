// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cat.hpp"
#include "base/guarded.hpp"
#include "base/result.hpp"

namespace berth::daemon {

/// The visible objects of one kind, by ID and by name. Memory only: List and Status read here and
/// wait for nothing.
template <class Object>
class ObjectStore {
 public:
  using Ptr = std::shared_ptr<Object>;
  explicit ObjectStore(std::string noun) : noun_(std::move(noun)) {}

  void insert(Ptr object) {
    auto index = index_.lock();
    index->by_name[object->name_key()] = object;
    index->by_id[object->id()] = std::move(object);
  }

  void erase(const Ptr& object) {
    auto index = index_.lock();
    index->by_id.erase(object->id());
    auto named = index->by_name.find(object->name_key());
    if (named != index->by_name.end() && named->second == object) index->by_name.erase(named);
  }

  /// By full ID or unique prefix; kNotFound or, when ambiguous, kInvalidArgument.
  Result<Ptr> find(std::string_view id) const {
    if (id.empty()) return Error(Code::kInvalidArgument, cat("the ID of the ", noun_, " is empty"));
    auto index = index_.lock();
    auto at = index->by_id.lower_bound(std::string(id));
    if (at == index->by_id.end() || !at->first.starts_with(id)) {
      return Error(Code::kNotFound, cat(noun_, " \"", id, "\" does not exist"));
    }
    if (at->first.size() == id.size()) return at->second;
    if (auto next = std::next(at); next != index->by_id.end() && next->first.starts_with(id)) {
      return Error(Code::kInvalidArgument, cat(noun_, " ID \"", id, "\" is ambiguous"));
    }
    return at->second;
  }

  /// Null when unknown.
  Ptr find_name(const std::string& name_key) const {
    auto index = index_.lock();
    auto at = index->by_name.find(name_key);
    return at == index->by_name.end() ? nullptr : at->second;
  }

  std::vector<Ptr> list() const {
    std::vector<Ptr> all;
    auto index = index_.lock();
    all.reserve(index->by_id.size());
    for (const auto& entry : index->by_id) all.push_back(entry.second);
    return all;
  }

 private:
  struct Index {
    std::map<std::string, Ptr, std::less<>> by_id;
    std::map<std::string, Ptr, std::less<>> by_name;
  };
  std::string noun_;
  Guarded<Index> index_;
};

}  // namespace berth::daemon
