// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "base/result.hpp"

namespace berth::daemon {

/// Credentials that somebody left for one pull of one image in one namespace, as CRI-O's credential provider
/// does: DIR/NAMESPACE-HASH.json, an auth.json, HASH being the SHA-256 of the image's name as the kubelet
/// says it. Taken once, whatever the pull comes to: moved to DIR/in-use first, gone with this object.
class OneTimeAuth {
 public:
  /// Empty when there is no such file. kInvalidArgument: `name_space` is not a namespace's name.
  static Result<OneTimeAuth> claim(const std::string& dir, const std::string& name_space,
                                   const std::string& image);
  /// What a daemon that died left behind.
  static void clean_up(const std::string& dir);

  OneTimeAuth(OneTimeAuth&& other) noexcept
      : path_(std::exchange(other.path_, {})), text_(std::move(other.text_)) {}
  OneTimeAuth& operator=(OneTimeAuth&&) = delete;
  OneTimeAuth(const OneTimeAuth&) = delete;
  OneTimeAuth& operator=(const OneTimeAuth&) = delete;
  ~OneTimeAuth();

  /// The auth.json; empty: there is none.
  const std::string& text() const { return text_; }

 private:
  OneTimeAuth() = default;
  std::string path_;
  std::string text_;
};

}  // namespace berth::daemon
