// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {

/// A mount namespace of its own for the programs that are started while this lives; with the last of
/// them, and of the descriptors opened in it, it is gone. For processes with one thread.
class PrivateMounts {
 public:
  /// With `source` and all below it attached at the directory `place`. The working directory stays
  /// what it is, in both.
  static Result<PrivateMounts> enter(const std::string& source, const std::string& place);
  PrivateMounts(PrivateMounts&&) = default;
  PrivateMounts& operator=(PrivateMounts&&) = delete;
  ~PrivateMounts();

 private:
  PrivateMounts() = default;
  UniqueFd own_, here_;
};

}  // namespace berth::runtime
