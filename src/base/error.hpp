// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth {

/// Why an operation failed, in terms a caller can act on. One value per gRPC
/// status the daemon ever returns; daemon/rpc/status.cpp owns that mapping.
enum class Code : std::uint8_t {
  kInvalidArgument,
  kNotFound,
  kAlreadyExists,
  kFailedPrecondition,
  kPermissionDenied,
  kResourceExhausted,
  kDeadlineExceeded,
  kCancelled,
  kUnavailable,
  kUnimplemented,
  kUnknown,  ///< only for texts the kubelet matches on: its client strips "rpc error" from Unknown
  kInternal,
};

/// A failure: one code, at most one errno, and the story of what was being
/// attempted, innermost frame first.
class Error {
 public:
  Error(Code code, std::string message) : code_(code) { frames_.push_back(std::move(message)); }

  /// For a failed system call; `subject` is what it acted on, usually a path.
  /// Always kInternal: only the caller can know that ENOENT means "no such pod".
  static Error from_errno(int err, std::string_view call, std::string_view subject);

  Error& add_context(std::string frame) {
    frames_.push_back(std::move(frame));
    return *this;
  }

  /// The same story under another code, for the one layer that knows better.
  Error& recode(Code code) {
    code_ = code;
    return *this;
  }

  Code code() const { return code_; }
  int sys_errno() const { return errno_; }

  /// "outer: inner: mount proc on /proc: Operation not permitted"
  std::string to_string() const;

 private:
  Code code_;
  int errno_ = 0;
  std::vector<std::string> frames_;
};

/// The kernel's words for an errno ("No such file or directory"); thread-safe.
std::string errno_text(int err);

}  // namespace berth
