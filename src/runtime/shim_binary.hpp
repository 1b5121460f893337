// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/cgroup/manager.hpp"

namespace berth::runtime {

/// A program as an executable, sealed memory file, open for reading only. kFailedPrecondition when
/// the bytes are none.
Result<UniqueFd> seal_program(std::string_view bytes);

/// The shim's executable as a sealed memfd, made once per daemon start: all shims share its pages,
/// a container cannot overwrite it, and replacing the file on disk never touches running ones.
class ShimBinary {
 public:
  /// kFailedPrecondition when the file is not a program. Every shim is started in `group`.
  static Result<ShimBinary> load(const std::string& path, cgroup::JoinFds group = {});
  ShimBinary(ShimBinary&&) noexcept;
  ShimBinary& operator=(ShimBinary&&) noexcept;
  ~ShimBinary();

  /// Starts a shim that serves <pod_dir>/shim.sock (created here, 0600; one that lies there is
  /// replaced) and returns when it runs: connect() works at once. It outlives this object and the
  /// daemon; its end is noticed through the connection. `error_log` becomes its stderr (-1: none).
  /// Thread-safe. Shims that have ended since the last call are reaped here, so that one which
  /// nobody ever connected to does not stay a zombie.
  Result<void> spawn(const std::string& pod_dir, int error_log) const;

 private:
  struct Children;
  ShimBinary(UniqueFd memfd, cgroup::JoinFds group, std::unique_ptr<Children> children);
  UniqueFd memfd_;
  cgroup::JoinFds group_;
  std::unique_ptr<Children> children_;
};

}  // namespace berth::runtime
