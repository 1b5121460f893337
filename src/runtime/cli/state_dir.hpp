// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime::cli {

/// What is known of one container, in <root>/<id>/ (0700):
///
///   config.json  as it was read at create
///   state.json   Record
///   gate         named pipe; there until the container was started
///   result       named pipe; what becomes of a start
///   root/        empty; where the root file system is attached, in the container's mount namespace
class StateDir {
 public:
  /// Takes the name. kAlreadyExists when it is taken. Locked.
  static Result<StateDir> create(const std::string& root, const std::string& id);
  /// kNotFound when there is no such container. Not locked.
  static Result<StateDir> open(const std::string& root, const std::string& id);
  /// Names of all containers, sorted; none when there is no root yet.
  static Result<std::vector<std::string>> list(const std::string& root);

  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& id() const { return id_; }
  int fd() const { return dir_.get(); }

  /// Waits until nobody else changes this container; held until unlock(), or until this object is gone.
  /// kNotFound when it was deleted meanwhile.
  Result<void> lock();
  void unlock();
  Result<void> remove();

 private:
  StateDir(std::string path, std::string id, UniqueFd dir)
      : path_(std::move(path)), id_(std::move(id)), dir_(std::move(dir)) {}

  std::string path_;
  std::string id_;
  UniqueFd dir_;
};

/// Letters, digits and "_+-.", not "." nor "..": kInvalidArgument otherwise.
Result<void> check_container_id(std::string_view id);

}  // namespace berth::runtime::cli
